/** Numbers of the system calls that Node has no binding for, as syscall(2) wants them on this machine. */

type Numbers = Record<"x64" | "arm64", number>;

const table = {
  bpf: { x64: 321, arm64: 280 },
  close_range: { x64: 436, arm64: 436 },
  flock: { x64: 73, arm64: 32 },
  ioctl: { x64: 16, arm64: 29 },
  mknodat: { x64: 259, arm64: 33 },
  openat2: { x64: 437, arm64: 437 },
  pidfd_getfd: { x64: 438, arm64: 438 },
  pidfd_open: { x64: 434, arm64: 434 },
  pidfd_send_signal: { x64: 424, arm64: 424 },
  pipe2: { x64: 293, arm64: 59 },
  prctl: { x64: 157, arm64: 167 },
  prlimit64: { x64: 302, arm64: 261 },
  seccomp: { x64: 317, arm64: 277 },
  setsockopt: { x64: 54, arm64: 208 },
  socket: { x64: 41, arm64: 198 },
  wait4: { x64: 61, arm64: 260 },
} as const satisfies Record<string, Numbers>;

const arch = process.arch === "arm64" ? "arm64" : "x64";

/** `SYS.bpf`: the number of bpf(2) on this architecture. */
export const SYS = Object.fromEntries(
  Object.entries(table).map(([name, numbers]) => [name, numbers[arch]]),
) as Record<keyof typeof table, number>;
