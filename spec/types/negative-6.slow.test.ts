/** The mistakes of negative.ts under the compiler that editors and tools still run. */
import { testMessages } from './messages.ts'

testMessages(6)
