/** Seccomp profiles in the shape real engines give them. */
import { syscallNumbers, type TableArch } from "../../src/runtime/seccomp/archs.ts";
import type { LinuxSeccomp, LinuxSyscall } from "../../src/spec/runtime/seccomp.ts";

/** What an engine keeps from a container without capabilities. */
const withheld = new Set(
  `acct add_key bpf clock_adjtime clock_adjtime64 clock_settime clock_settime64 clone clone3 create_module delete_module
  fanotify_init finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module io_uring_enter
  io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl listmount listns lookup_dcookie
  lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount mount_setattr move_mount move_pages
  nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open personality pidfd_getfd pivot_root
  process_madvise query_module quotactl quotactl_fd reboot request_key set_mempolicy set_mempolicy_home_node
  setdomainname sethostname setns settimeofday socket statmount stime swapoff swapon sysfs syslog umount umount2
  unshare uselib userfaultfd ustat vhangup vm86 vm86old`.split(/\s+/),
);

const AF_VSOCK = 40;
const ENOSYS = 38;
const namespaceFlags = 0x7e020000;

/**
 * An engine's default profile: several hundred calls allowed, some by argument, the rest EPERM. It was written when
 * Linux 6.10 was new.
 */
export function engineDefault(archs: Record<string, TableArch>, newestNumber = 462): LinuxSeccomp {
  const names = new Set<string>();
  for (const arch of Object.values(archs)) {
    for (const [name, number] of syscallNumbers(arch)) {
      const newer = number > newestNumber && number < 500;
      if (!withheld.has(name) && !newer) names.add(name);
    }
  }
  const allowIf = (name: string, ...args: NonNullable<LinuxSyscall["args"]>): LinuxSyscall => ({
    names: [name],
    action: "SCMP_ACT_ALLOW",
    args,
  });
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: Object.keys(archs) as NonNullable<LinuxSeccomp["architectures"]>,
    syscalls: [
      { names: [...names].sort(), action: "SCMP_ACT_ALLOW" },
      allowIf("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_NE" }),
      ...[0, 8, 0x20000, 0x20008, 0xffffffff].map((value) =>
        allowIf("personality", { index: 0, value, op: "SCMP_CMP_EQ" }),
      ),
      allowIf("clone", { index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    ],
  };
}

/** The architectures an engine lists on x86_64. */
export const x86Family = {
  SCMP_ARCH_X86_64: "x86_64",
  SCMP_ARCH_X86: "x86",
  SCMP_ARCH_X32: "x32",
} as const;

/** The architectures an engine lists on aarch64. */
export const armFamily = { SCMP_ARCH_AARCH64: "aarch64", SCMP_ARCH_ARM: "arm" } as const;
