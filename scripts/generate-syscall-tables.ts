/**
 * Writes src/runtime/seccomp/syscall-tables.ts from the kernel headers of linux-libc-dev,
 * linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross. Run: `node scripts/generate-syscall-tables.ts`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/**
 * System calls newer than Debian 12's headers (Linux 6.1). Since 424 every architecture adds a call under the
 * same number. @see Linux scripts/syscall.tbl, arch/x86/entry/syscalls/syscall_64.tbl
 */
const since61: Record<string, number> = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
  listns: 470,
  rseq_slice_yield: 471,
};
const since61x86_64: Record<string, number> = { uretprobe: 335, uprobe: 336 };

const x86 = "/usr/include/x86_64-linux-gnu";
const arm64 = "/usr/aarch64-linux-gnu/include";
const arm = "/usr/arm-linux-gnueabihf/include";

/** Per architecture: where its headers are, which predefined macros choose it, and what they lack. */
const sources = {
  x86_64: {
    include: [x86, "/usr/include"],
    header: "asm/unistd_64.h",
    defines: [],
    more: { ...since61, ...since61x86_64 },
  },
  x32: {
    include: [x86, "/usr/include"],
    header: "asm/unistd_x32.h",
    defines: ["__X32_SYSCALL_BIT=0"],
    more: { ...since61, ...since61x86_64 },
  },
  x86: { include: [x86, "/usr/include"], header: "asm/unistd_32.h", defines: [], more: since61 },
  aarch64: {
    include: [arm64],
    header: "asm/unistd.h",
    defines: ["__aarch64__", "__LP64__", "__BITS_PER_LONG=64"],
    more: since61,
  },
  arm: { include: [arm], header: "asm/unistd.h", defines: ["__arm__", "__ARM_EABI__"], more: since61 },
} as const;

/** Names that the headers define for counting or numbering, not for calling. */
const notCalls = new Set(["syscalls", "arch_specific_syscall"]);

interface Source {
  readonly include: readonly string[];
  readonly header: string;
  readonly defines: readonly string[];
  readonly more: Readonly<Record<string, number>>;
}

/** Every `__NR_name` (and ARM's private `__ARM_NR_name`) of one architecture with its number. */
function numbersOf({ include, header, defines, more }: Source): Map<string, number> {
  const flags = [
    "-nostdinc",
    "-undef",
    ...defines.map((d) => `-D${d}`),
    ...include.flatMap((i) => ["-I", i]),
  ];
  const cpp = (args: string[], input: string) =>
    execFileSync("gcc", ["-E", "-xc", ...flags, ...args, "-"], {
      input,
      encoding: "utf8",
      maxBuffer: 1 << 24,
    });
  const source = `#include <${header}>\n`;
  const names = [...cpp(["-dM"], source).matchAll(/^#define (__NR_|__ARM_NR_)(_?[a-z]\w*) /gm)]
    .map(([, prefix, name]) => [prefix!, name!] as const)
    .filter(([, name]) => !notCalls.has(name));
  // Let the preprocessor expand each macro to a sum of numbers, one a line.
  const expanded = cpp(
    ["-P"],
    source + names.map(([prefix, name]) => `@ "${name}" ${prefix}${name}`).join("\n"),
  );
  const numbers = new Map<string, number>();
  for (const [, name, sum] of expanded.matchAll(/^@ "(\w+)" (.*)$/gm)) {
    const terms = sum!
      .replaceAll(/[()\s]/g, "")
      .split("+")
      .map(Number);
    if (terms.some(Number.isNaN)) throw new Error(`${header}: ${name} is ${sum}`);
    numbers.set(
      name!,
      terms.reduce((a, b) => a + b, 0),
    );
  }
  for (const [name, number] of Object.entries(more)) {
    const other = [...numbers].find(([n, v]) => v === number && n !== name);
    if (other) throw new Error(`${header}: ${number} is both ${name} and ${other[0]}`);
    numbers.set(name, number);
  }
  return numbers;
}

/** Names in the order of their numbers; a number in the text is that of the name that follows it. */
function encode(entries: readonly (readonly [string, number])[]): string {
  let next = 0;
  const words: string[] = [];
  for (const [name, number] of entries) {
    if (number !== next) words.push(String(number));
    words.push(name);
    next = number + 1;
  }
  return words.join(" ");
}

const tables = Object.entries(sources).map(([arch, source]) => {
  const numbers = [...numbersOf(source)].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  return { arch, numbers };
});
const shared = tables[0]!.numbers.filter(([name, number]) =>
  tables.every((t) => t.numbers.some(([n, v]) => n === name && v === number)),
);
const isShared = new Set(shared.map(([name]) => name));

const target = new URL("../src/runtime/seccomp/syscall-tables.ts", import.meta.url);
const version = readFileSync("/usr/include/linux/version.h", "utf8").match(/LINUX_VERSION_CODE (\d+)/)![1];
const text = (words: string) => `"${words}"`;
writeFileSync(
  target,
  `/**
 * System call names and numbers of the architectures an x86_64 or aarch64 kernel runs.
 * Generated by scripts/generate-syscall-tables.ts from kernel headers (version code ${version}) and the list of newer
 * calls there; not edited by hand. Names are in the order of their numbers; a number is that of the name after it.
 */

/** Calls that have one number everywhere. */
// biome-ignore format: one string a line keeps the file small
export const shared: string =
  ${text(encode(shared))};

/** The calls of each architecture that are not in \`shared\`. x32 numbers are without the x32 bit. */
// biome-ignore format: one string a line keeps the file small
export const tables = {
${tables.map((t) => `  ${t.arch}:\n    ${text(encode(t.numbers.filter(([name]) => !isShared.has(name))))},`).join("\n")}
} as const;
`,
);
for (const t of tables) console.log(t.arch, t.numbers.length, t.numbers.at(-1));
