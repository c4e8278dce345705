/** Numbers of the system calls that Node has no binding for, as syscall(2) wants them on this machine. */

type Numbers = Record<"x64" | "arm64", number>;

const table = {
  bind: { x64: 49, arm64: 200 },
  bpf: { x64: 321, arm64: 280 },
  clock_gettime: { x64: 228, arm64: 113 },
  close: { x64: 3, arm64: 57 },
  close_range: { x64: 436, arm64: 436 },
  exit_group: { x64: 231, arm64: 94 },
  fchmod: { x64: 91, arm64: 52 },
  fchmodat: { x64: 268, arm64: 53 },
  fchown: { x64: 93, arm64: 55 },
  fchownat: { x64: 260, arm64: 54 },
  fgetxattr: { x64: 193, arm64: 10 },
  flistxattr: { x64: 196, arm64: 13 },
  flock: { x64: 73, arm64: 32 },
  fremovexattr: { x64: 199, arm64: 16 },
  fsetxattr: { x64: 190, arm64: 7 },
  ftruncate: { x64: 77, arm64: 46 },
  getsockname: { x64: 51, arm64: 204 },
  ioctl: { x64: 16, arm64: 29 },
  lgetxattr: { x64: 192, arm64: 9 },
  linkat: { x64: 265, arm64: 37 },
  listen: { x64: 50, arm64: 201 },
  llistxattr: { x64: 195, arm64: 12 },
  lsetxattr: { x64: 189, arm64: 6 },
  mkdirat: { x64: 258, arm64: 34 },
  mount: { x64: 165, arm64: 40 },
  mknodat: { x64: 259, arm64: 33 },
  openat2: { x64: 437, arm64: 437 },
  pidfd_getfd: { x64: 438, arm64: 438 },
  pidfd_open: { x64: 434, arm64: 434 },
  pidfd_send_signal: { x64: 424, arm64: 424 },
  pipe2: { x64: 293, arm64: 59 },
  prctl: { x64: 157, arm64: 167 },
  prlimit64: { x64: 302, arm64: 261 },
  pwrite64: { x64: 18, arm64: 68 },
  readlinkat: { x64: 267, arm64: 78 },
  seccomp: { x64: 317, arm64: 277 },
  setsockopt: { x64: 54, arm64: 208 },
  socket: { x64: 41, arm64: 198 },
  symlinkat: { x64: 266, arm64: 36 },
  syncfs: { x64: 306, arm64: 267 },
  umount2: { x64: 166, arm64: 39 },
  unlinkat: { x64: 263, arm64: 35 },
  utimensat: { x64: 280, arm64: 88 },
  wait4: { x64: 61, arm64: 260 },
} as const satisfies Record<string, Numbers>;

const arch = process.arch === "arm64" ? "arm64" : "x64";

/** `SYS.bpf`: the number of bpf(2) on this architecture. */
export const SYS = Object.fromEntries(
  Object.entries(table).map(([name, numbers]) => [name, numbers[arch]]),
) as Record<keyof typeof table, number>;
