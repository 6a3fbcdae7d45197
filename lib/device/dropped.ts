/**
 * Bind groups that nobody holds any more. They have no `destroy`: what the driver keeps for one is given back when its wrapper is collected,
 * and a collector that sees only small wrappers waits. A driver in software maps memory for each of them, and where a process may have
 * 65,530 mappings, a hundred runs with new sizes of a program of 650 passes end it. So after many the collector is asked.
 */
import { platform } from '#platform'

const most = 8192
let dropped = 0

/** So many bind groups were let go. */
export const dropGroups = (count: number): void => {
  dropped += count
  if (dropped < most) return
  dropped = 0
  platform.collect()
}
