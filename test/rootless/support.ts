/** An ordinary user to run the command line as, with bundles that belong to that user. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { command, logLine, type Outcome } from "../cli/run-cli.ts";
import {
  aBundle,
  type Bundle,
  type BundleOptions,
  dev,
  devpts,
  freshName,
  type Json,
  merged,
  namespaces,
  proc,
  testPrefix,
} from "../support/bundle.ts";
import { needs } from "../support/needs.ts";
import { parseReport, type Report } from "../support/probe.ts";

/** What these tests ask of the machine: root to become somebody else from, and what root gave that somebody. */
export const asUser = needs("root", "program:setpriv", "program:newuidmap");

export const uid = 4242;
/** The ids that belong to the user beside its own. */
export const subordinate = { first: 300_000, count: 65_536 };

export const repository = join(import.meta.dirname, "../..");

/** One id: the user's own as root of the container. */
export const ownIdOnly = [{ containerID: 0, hostID: uid, size: 1 }];
/** The user's own as root, and the subordinate ones behind it. */
export const ownAndSubordinate = [
  { containerID: 0, hostID: uid, size: 1 },
  { containerID: 1, hostID: subordinate.first, size: subordinate.count },
];

/** As `runt-oci spec --rootless` has it: no network and no cgroup of its own, sysfs from the host. */
export const rootlessConfig: Json = {
  mounts: [
    proc,
    dev,
    devpts,
    {
      destination: "/sys",
      type: "none",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
    },
  ],
  linux: {
    namespaces: namespaces("pid", "ipc", "uts", "mount", "user"),
    uidMappings: ownIdOnly,
    gidMappings: ownIdOnly,
    cgroupsPath: undefined,
  },
};

export interface RunOptions {
  /** A program before the runtime, with its arguments: `["unshare", "-Ur"]`. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it is called; "/" by default. */
  readonly directory?: string;
  /** Directory of the cgroup that the command runs in. */
  readonly cgroup?: string;
}

/**
 * A user who exists only in the mount namespaces of its own commands: passwd and the files of subordinate ids are
 * bound over those of the machine there, and the repository is where everybody may read it.
 */
export class OrdinaryUser implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), `${testPrefix}-user-`));
  readonly #ids: string[] = [];

  constructor() {
    chmodSync(this.directory, 0o755);
    for (const name of ["home", "run", "repository"]) mkdirSync(join(this.directory, name));
    for (const name of ["home", "run"]) chownSync(join(this.directory, name), uid, uid);
    const name = "runt-test-user";
    const etc: Record<string, string> = {
      passwd: `${readFileSync("/etc/passwd", "utf8")}${name}:x:${uid}:${uid}::/:/bin/sh\n`,
      group: `${readFileSync("/etc/group", "utf8")}${name}:x:${uid}:\n`,
      subuid: `${name}:${subordinate.first}:${subordinate.count}\n`,
      subgid: `${name}:${subordinate.first}:${subordinate.count}\n`,
    };
    for (const [file, content] of Object.entries(etc)) writeFileSync(join(this.directory, file), content);
    // For everybody, as udev makes it.
    spawnSync("mknod", ["-m", "666", join(this.directory, "tun"), "c", "10", "200"]);
  }

  /** Runs a program as the user. */
  spawn(command: readonly string[], { env = {}, cgroup = "", directory = "/" }: RunOptions = {}): Outcome {
    const script = `set -e
      for file in passwd group subuid subgid; do
        [ -e /etc/$file ] && mount --bind "$0/$file" /etc/$file
      done
      [ ! -e /dev/net/tun ] || mount --bind "$0/tun" /dev/net/tun
      mount --rbind "$1" "$0/repository"
      shift
      cd "$RUN_IN_DIRECTORY"
      [ -z "$RUN_IN_CGROUP" ] || echo 0 >"$RUN_IN_CGROUP/cgroup.procs"
      exec setpriv --reuid ${uid} --regid ${uid} --clear-groups --inh-caps=-all "$@"`;
    const unshare = ["--mount", "--propagation", "private", "sh", "-c", script, this.directory, repository];
    // Into files: a pipe would stay open for as long as a container that has it.
    const files = ["out", "err"].map((name) => join(this.directory, name));
    const [out, err] = files.map((file) => openSync(file, "w")) as [number, number];
    const { status } = spawnSync("unshare", [...unshare, ...command], {
      stdio: ["ignore", out, err],
      timeout: 100_000,
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: join(this.directory, "home"),
        XDG_RUNTIME_DIR: join(this.directory, "run"),
        RUN_IN_CGROUP: cgroup,
        RUN_IN_DIRECTORY: directory,
        ...env,
      },
    });
    closeSync(out);
    closeSync(err);
    const [stdout, stderr] = files.map((file) => readFileSync(file, "utf8")) as [string, string];
    return { status, stdout, stderr };
  }

  /** Runs runt-oci as the user. */
  runt(args: readonly string[], options: RunOptions = {}): Outcome {
    return this.spawn([...(options.through ?? []), ...this.#program(), ...args], options);
  }

  /** Runs runt as the user. */
  runtImages(args: readonly string[], options: RunOptions = {}): Outcome {
    return this.spawn([...(options.through ?? []), ...this.#program("runt"), ...args], options);
  }

  /** Runs a shell script as the user, in which `runt` is runt-oci. */
  script(text: string, through: readonly string[], args: readonly string[]): Outcome {
    const runt = `runt() { ${this.#program().join(" ")} "$@"; }`;
    return this.spawn([...through, "sh", "-c", `${runt}; ${text}`, "sh", ...args]);
  }

  /** Where the user finds it: as it was built, or the sources where they are newer. */
  #program(name: "runt-oci" | "runt" = "runt-oci"): string[] {
    const [program, first] = process.env.RUNT_VM ? [join(repository, "bin", name), []] : command(name);
    return [program, ...first].map((word) =>
      isAbsolute(word) ? join(this.directory, "repository", relative(repository, word)) : word,
    );
  }

  /** The same, where it must succeed. @returns what it printed */
  ok(args: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.runt(args, options);
    if (status !== 0) throw new Error(`runt-oci ${args.join(" ")}: exit status ${status}: ${stderr}`);
    return stdout;
  }

  /** What the probe sees in a container of this user. `paths` are what it looks at. */
  async probe(
    changes: Json = {},
    paths: readonly string[] = [],
    options: RunOptions & BundleOptions = {},
  ): Promise<Report> {
    await using bundle = await this.bundle(
      merged({ process: { args: ["/probe", ...paths] } }, changes),
      options,
    );
    return parseReport(this.ok(["run", "--bundle", bundle.path, this.id()], options));
  }

  /** The message that running this container ends in: one line. */
  async refusal(changes: Json, options: RunOptions = {}): Promise<string> {
    await using bundle = await this.bundle(changes);
    const { status, stdout, stderr } = this.runt(["run", "--bundle", bundle.path, this.id()], options);
    if (status === 0) throw new Error(`ran, and should have been refused: ${stdout}`);
    return logLine(stderr).message;
  }

  /** A bundle that belongs to the user. `changes` go over `rootlessConfig`. */
  async bundle(changes: Json = {}, options: BundleOptions = {}, owner = uid): Promise<Bundle> {
    const bundle = await aBundle(merged(rootlessConfig, changes), options);
    own(bundle.directory, owner);
    return bundle;
  }

  /** A container id that is deleted at the end, whatever became of it. */
  id(): string {
    const id = freshName();
    this.#ids.push(id);
    return id;
  }

  [Symbol.dispose](): void {
    const left = new Set(readStates(join(this.directory, "run/runt")));
    for (const id of this.#ids) if (left.has(id)) this.runt(["delete", "--force", id]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function readStates(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return []; // no container was ever made
  }
}

/** Gives the directories and files below `path` to `owner`, but not the programs, which all bundles share. */
export function own(path: string, owner: number): void {
  const stat = lstatSync(path);
  if (stat.nlink > 1 && !stat.isDirectory()) return;
  if (stat.isSymbolicLink()) return;
  chownSync(path, owner, owner);
  if (stat.isDirectory()) for (const name of readdirSync(path)) own(join(path, name), owner);
}
