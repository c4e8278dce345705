/** Compiles profiles with libseccomp the way runc does, for comparison. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TableArch } from "../../src/runtime/seccomp/archs.ts";
import { returnValue, ruleEntries } from "../../src/runtime/seccomp/rules.ts";
import type { LinuxSeccomp } from "../../src/spec/runtime/seccomp.ts";
import { Arch, type SeccompOperator } from "../../src/spec/runtime/seccomp-words.ts";

/** enum scmp_compare of `<seccomp.h>`. */
const operators: Record<SeccompOperator, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

/** What libseccomp made of a profile. */
export interface LibseccompResult {
  readonly filter: Uint8Array;
  /** Names it has no number for. */
  readonly unknown: readonly string[];
  /** Rules it did not take: name and errno. */
  readonly refused: readonly string[];
}

/** libseccomp behind a small C program. */
export class Libseccomp implements Disposable {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Undefined when it cannot be built: no compiler, or no libseccomp-dev. */
  static build(): Libseccomp | undefined {
    const dir = mkdtempSync(join(tmpdir(), "runt-libseccomp-"));
    const source = join(import.meta.dirname, "libseccomp-filter.c");
    const { status } = spawnSync("gcc", ["-Wall", "-o", join(dir, "filter"), source, "-lseccomp"]);
    if (status === 0) return new Libseccomp(dir);
    rmSync(dir, { recursive: true });
    return undefined;
  }

  /** The filter without what runc puts in front of it. */
  compile(profile: LinuxSeccomp, native: TableArch): LibseccompResult {
    const defaultRet = returnValue(profile.defaultAction, profile.defaultErrnoRet);
    const rules = ruleEntries(profile);
    const lines = [
      `default ${defaultRet}`,
      `native ${native}`,
      ...(profile.architectures ?? []).map((arch) => `arch ${Arch[arch]}`),
      ...(rules.flatMap((r) => r.names).length > 32 ? ["optimize"] : []),
      ...rules
        .filter(({ ret }) => ret !== defaultRet)
        .flatMap(({ names, args, ret }) => {
          const tests = args.map((a) => `${a.index} ${operators[a.op]} ${a.value} ${a.valueTwo ?? 0}`);
          return names.map((name) => ["rule", ret, name, args.length, ...tests].join(" "));
        }),
    ];
    const { status, stdout, stderr } = spawnSync(join(this.#dir, "filter"), {
      input: `${lines.join("\n")}\n`,
    });
    if (status !== 0) throw new Error(stderr.toString());
    const said = stderr.toString().split("\n");
    const after = (word: string) => said.filter((l) => l.startsWith(word)).map((l) => l.slice(word.length));
    return { filter: new Uint8Array(stdout), unknown: after("unknown "), refused: after("refused ") };
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true });
  }
}
