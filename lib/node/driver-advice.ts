/**
 * What to run where Dawn finds no adapter: the commands that install a Vulkan driver in software (Mesa's lavapipe) on this
 * system. The error of adapter.ts prints them, and bin/setup.mjs runs them where it may. Debian 12 needs the backport, since
 * Dawn refuses its own Mesa 22.
 */
import { readFileSync } from 'node:fs'

/** Shell commands for a system with this /etc/os-release, in order; none where no package is known. */
export const driverCommands = (osRelease: string): readonly string[] => {
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? ''
  const family = [field('ID'), ...field('ID_LIKE').split(' ')]
  const codename = field('VERSION_CODENAME')
  if (family.includes('debian') && codename === 'bookworm')
    return [
      "echo 'deb http://deb.debian.org/debian bookworm-backports main' > /etc/apt/sources.list.d/bookworm-backports.list",
      'apt-get update',
      'apt-get install -y --no-install-recommends -t bookworm-backports mesa-vulkan-drivers libvulkan1',
    ]
  if (family.includes('debian') || family.includes('ubuntu'))
    return ['apt-get update', 'apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1']
  if (family.includes('fedora') || family.includes('rhel')) return ['dnf install -y mesa-vulkan-drivers vulkan-loader']
  if (family.includes('arch')) return ['pacman -S --noconfirm vulkan-swrast vulkan-icd-loader']
  if (family.some(name => name.includes('suse'))) return ['zypper install -y Mesa-vulkan-drivers libvulkan1']
  return []
}

/** The commands for the system this process runs on. */
export const driverCommandsHere = (): readonly string[] => {
  if (process.platform !== 'linux') return []
  try {
    return driverCommands(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return []
  }
}

/** One line that says what to do, for a person. */
export const driverAdvice = (): string => {
  const commands = driverCommandsHere()
  if (commands.length > 0) return `run as root: ${commands.join(' && ')}`
  return process.platform === 'linux'
    ? 'install the Vulkan driver of your GPU, or Mesa 24 or newer with lavapipe'
    : 'update the driver of your GPU'
}
