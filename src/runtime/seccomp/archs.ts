/** Which architectures a kernel can run, how `seccomp_data.arch` names them and how wide their arguments are. */
import type { Arch } from "../../spec/runtime/seccomp-words.ts";
import { shared, tables } from "./syscall-tables.ts";

/** Machines runt runs on, as `uname -m` and `process.arch` (x64, arm64) tell them. */
export type HostArch = "x86_64" | "aarch64";

/** An architecture for which runt has a table of system calls. */
export type TableArch = keyof typeof tables;

/** x32 calls are x86_64 calls with this bit in their number. */
export const X32_SYSCALL_BIT = 0x40000000;

/** Numbers from here on are ARM's own calls (cacheflush, set_tls …), not part of the growing table. */
export const ARM_PRIVATE_BASE = 0x0f0000;

/** How one architecture appears to a filter. */
export interface ArchFacts {
  readonly table: TableArch;
  /** AUDIT_ARCH_* of `<linux/audit.h>`. */
  readonly audit: number;
  /** Bits of an argument that are compared: libseccomp looks at the low half only where longs have 32 bits. */
  readonly argBits: 32 | 64;
  /** Or'ed into every number. */
  readonly bit: number;
  /** Whether socket and IPC calls can also be made through socketcall(2) and ipc(2). */
  readonly multiplexed: boolean;
}

const AUDIT_ARCH_X86_64 = 0xc000003e;

/** What each kind of kernel can run, the native architecture first. */
const families: Record<HostArch, Partial<Record<Arch, ArchFacts>>> = {
  x86_64: {
    SCMP_ARCH_X86_64: { table: "x86_64", audit: AUDIT_ARCH_X86_64, argBits: 64, bit: 0, multiplexed: false },
    SCMP_ARCH_X86: { table: "x86", audit: 0x40000003, argBits: 32, bit: 0, multiplexed: true },
    SCMP_ARCH_X32: {
      table: "x32",
      audit: AUDIT_ARCH_X86_64,
      argBits: 32,
      bit: X32_SYSCALL_BIT,
      multiplexed: false,
    },
  },
  aarch64: {
    SCMP_ARCH_AARCH64: { table: "aarch64", audit: 0xc00000b7, argBits: 64, bit: 0, multiplexed: false },
    SCMP_ARCH_ARM: { table: "arm", audit: 0x40000028, argBits: 32, bit: 0, multiplexed: false },
  },
};

/**
 * The listed architectures that a kernel of `host` can run, the native one always and first, and the listed ones it
 * cannot: no call will ever come from those, so they need no code.
 */
export function archsFor(
  host: HostArch,
  listed: readonly Arch[],
): { readonly archs: readonly ArchFacts[]; readonly foreign: readonly Arch[] } {
  const family = Object.entries(families[host]) as [Arch, ArchFacts][];
  return {
    archs: family.filter(([arch], i) => i === 0 || listed.includes(arch)).map(([, facts]) => facts),
    foreign: listed.filter((arch) => !(arch in families[host])),
  };
}

const decoded = new Map<TableArch, ReadonlyMap<string, number>>();

/** The numbers of an architecture's system calls by name, without the x32 bit. */
export function syscallNumbers(arch: TableArch): ReadonlyMap<string, number> {
  let numbers = decoded.get(arch);
  if (!numbers) {
    const all = new Map<string, number>();
    for (const text of [tables[arch], shared]) decodeInto(all, text);
    numbers = all;
    decoded.set(arch, numbers);
  }
  return numbers;
}

function decodeInto(numbers: Map<string, number>, text: string): void {
  let next = 0;
  for (const word of text.split(" ")) {
    const first = word.charCodeAt(0);
    // A number sets the counter, a name takes it.
    if (first >= 0x30 && first <= 0x39) next = Number(word);
    else numbers.set(word, next++);
  }
}
