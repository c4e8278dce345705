/** The CLONE_NEW* flag and the /proc/PID/ns file of each kind of namespace. @see namespaces(7) */

/** By the file's name in /proc/PID/ns. */
export const namespaceFlags = {
  cgroup: 0x0200_0000,
  ipc: 0x0800_0000,
  mnt: 0x0002_0000,
  net: 0x4000_0000,
  pid: 0x2000_0000,
  time: 0x0000_0080,
  user: 0x1000_0000,
  uts: 0x0400_0000,
} as const;
export type NamespaceFile = keyof typeof namespaceFlags;
