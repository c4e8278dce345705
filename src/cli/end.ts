/**
 * The end of a program. Node stops its threads and frees its memory piece by piece, while a caller waits for what the
 * kernel does anyway.
 */

/** `process.exit`, or exit_group(2) where Node has nothing to do in the end. */
export async function end(status: number): Promise<never> {
  // Standard streams that Node has opened it gives back as they were: a terminal's mode, O_NONBLOCK.
  const { moduleLoadList } = process as unknown as { readonly moduleLoadList?: readonly string[] };
  const hasStreams = moduleLoadList?.includes("NativeModule stream") ?? true;
  if (!hasStreams) {
    const { I32, isLoaded, syscall } = await import("../linux/ffi.ts");
    const { SYS } = await import("../linux/syscall-numbers.ts");
    if (isLoaded() && process.listenerCount("exit") === 0) syscall(SYS.exit_group, [I32], [status]);
  }
  process.exit(status);
}
