/**
 * Every operation a plan may ask of the shim, in one table: names, arguments, who may run it.
 *
 * The C header is generated from this table (`scripts/generate-wire.ts`), so the two sides cannot differ.
 * An op is a system call or a short fixed sequence of them; all deciding has happened before.
 */

/**
 * How an argument is written.
 * `num` a number (flags, ids, sizes); `slot` an entry of the shim's fd table; `str` a string;
 * `strs` a list of strings (argv, envp); `bytes` anything else (a BPF program, a struct).
 */
export type ArgType = "num" | "slot" | "str" | "strs" | "bytes";

/**
 * Who runs an op and when:
 * `shim` the shim before clone, in the host's namespaces; `parent` the shim after clone, acting on init while
 * init waits; `init` the new process itself; `late` the shim again, when init has reported ready.
 */
export const phases = ["shim", "parent", "init", "late"] as const;
export type Phase = (typeof phases)[number];

interface OpDefinition {
  readonly phases: readonly Phase[];
  readonly args: Readonly<Record<string, ArgType>>;
}

const shim = ["shim"] as const;
const init = ["init"] as const;
const shimOrInit = ["shim", "init"] as const;

/** The order is the wire's numbering; new ones go to the end of their group, and both sides are rebuilt. */
export const opTable = {
  // — namespaces —
  /** setns(2) into the namespace(s) of `fd` (an nsfs file or a pidfd). */
  setns: { phases: shimOrInit, args: { fd: "slot", nstype: "num" } },
  /** unshare(2). */
  unshare: { phases: shimOrInit, args: { flags: "num" } },
  /** A user namespace of its own to idmap mounts with, kept only as an fd: a child makes it and ends. */
  userns_fd: { phases: shim, args: { out: "slot", uid_map: "str", gid_map: "str" } },
  /** Writes a file of /proc/self (shim) or /proc/PID-of-init (parent, late), through verified procfs. */
  write_proc: { phases: ["shim", "parent", "late", "init"], args: { file: "str", data: "str" } },
  /** prlimit(2) on init, by the shim or by itself. */
  prlimit: { phases: ["parent", "late", "init"], args: { resource: "num", soft: "num", hard: "num" } },
  /** Tells the runtime that this point is reached, and waits until it says go on. */
  sync: { phases: ["shim", "parent", "init"], args: { point: "num" } },
  /** The user namespace that init is born in, with those that are made for it: whoever clones it joins, and we do not. */
  join_user: { phases: shim, args: { fd: "slot" } },

  // — process, early —
  /** prctl(2) PR_SET_DUMPABLE 0: nobody in the container can ptrace us or open our /proc files. */
  undumpable: { phases: shimOrInit, args: {} },
  setsid: { phases: init, args: {} },
  /** setresgid(2), setresuid(2) to 0: root of the new user namespace; supplementary groups dropped if possible. */
  become_root: { phases: init, args: {} },
  /** keyctl(2) JOIN_SESSION_KEYRING, then lets the possessor search it. */
  session_keyring: { phases: init, args: { name: "str" } },
  /** `lo` up, in a new network namespace. */
  loopback_up: { phases: init, args: {} },

  // — mounts —
  /** mount_setattr(2) on a path of this mount namespace: propagation of `/`, before anything else is mounted. */
  propagation: { phases: init, args: { path: "str", propagation: "num", at_flags: "num" } },
  /** open_tree(2): a detached copy of the mount at `path`, relative to `dir` (or the cwd), kept in `out`. */
  open_tree: { phases: shimOrInit, args: { out: "slot", dir: "slot", path: "str", flags: "num" } },
  /** The same of `path` below the directory `root`, which openat2(2) looks up: no symbolic link in it leads out. */
  open_tree_beneath: {
    phases: shimOrInit,
    args: { out: "slot", root: "str", path: "str", flags: "num" },
  },
  /** mount_setattr(2) on a tree that nobody sees yet. */
  tree_setattr: {
    phases: shimOrInit,
    args: { tree: "slot", at_flags: "num", set: "num", clear: "num", propagation: "num", userns: "slot" },
  },
  /** fsopen(2), fsconfig(2) for each `key=value` or `flag`, fsmount(2): a new detached file system. */
  fsmount: { phases: shimOrInit, args: { out: "slot", type: "str", options: "strs", attrs: "num" } },
  /** Attaches the tree of the root file system onto its own path; from here on `tree` is "the rootfs". */
  attach_root: { phases: init, args: { tree: "slot", path: "str" } },
  /** The rootfs is whatever is `/` already (exec, or a joined mount namespace). */
  root_is_current: { phases: init, args: {} },
  /** move_mount(2) of a tree onto `path` in the rootfs, which is made as `make` says when it is missing. */
  move_mount: { phases: init, args: { tree: "slot", path: "str", make: "num", strict: "num" } },
  /** Copies what `path` in the rootfs holds into a tree, before the tree is mounted over it (tmpcopyup). */
  copy_up: { phases: init, args: { tree: "slot", path: "str" } },
  /** Gives a tree's root directory the mode of the directory that it will cover. */
  copy_mode: { phases: init, args: { tree: "slot", path: "str" } },
  /** mount_setattr(2) on a mount in the rootfs (remount, propagation, readonly root). */
  mount_setattr: {
    phases: init,
    args: { path: "str", at_flags: "num", set: "num", clear: "num", propagation: "num" },
  },
  /** Covers a file with `null` and a directory with `empty`; nothing where there is nothing. */
  mask_path: { phases: init, args: { path: "str", null: "slot", empty: "slot" } },
  /** Binds `path` onto itself read-only; nothing where there is nothing. */
  readonly_path: { phases: init, args: { path: "str" } },
  /** A device node in the rootfs; one that is there already must be the same device. */
  mknod: {
    phases: init,
    args: { path: "str", mode: "num", major: "num", minor: "num", uid: "num", gid: "num" },
  },
  /** symlinkat(2) in the rootfs; one that is there already stays. */
  symlink: { phases: init, args: { target: "str", path: "str" } },
  /** mkdir -p in the rootfs. */
  mkdir: { phases: init, args: { path: "str", mode: "num" } },
  /** pivot_root(2) into the rootfs, and the old root detached. */
  pivot_root: { phases: init, args: {} },
  /** MS_MOVE and chroot(2), for a root that cannot pivot (--no-pivot, initramfs). */
  move_root: { phases: init, args: {} },
  /** umount2(2) MNT_DETACH on a path of this mount namespace. */
  umount: { phases: init, args: { path: "str" } },
  /** fstat(2): `fd` is the device major:minor, of the type that the bits of `st_mode` say. */
  check_device: { phases: shimOrInit, args: { fd: "slot", type: "num", major: "num", minor: "num" } },
  /** mount(2) on the directory `place` for a moment, where open_tree(2) takes it from: a new detached file system, whose
   *  options may be longer than fsconfig(2) takes them. */
  mount: {
    phases: shimOrInit,
    args: { out: "slot", source: "str", type: "str", place: "str", flags: "num", data: "str" },
  },
  /** unshare(2) of the mount namespace, all of it private: what is mounted until `former_mounts` nobody else sees. */
  private_mounts: { phases: shim, args: {} },
  /** setns(2) back, with root and working directory as they were: what was mounted goes, but for what a tree still needs. */
  former_mounts: { phases: shim, args: {} },
  /** move_mount(2) of a tree onto a directory of the mount namespace that we are in. */
  cover: { phases: shim, args: { tree: "slot", path: "str" } },

  // — identity of the machine —
  sethostname: { phases: init, args: { name: "str" } },
  setdomainname: { phases: init, args: { name: "str" } },
  /** Writes /proc/sys/… through verified procfs, opened before anything of the container was mounted. */
  sysctl: { phases: init, args: { file: "str", value: "str" } },

  // — terminal —
  /** A pty from the rootfs's devpts: becomes stdio and controlling terminal, is bound on /dev/console, its
   *  master goes to `socket`. */
  console: {
    phases: init,
    args: { socket: "slot", rows: "num", columns: "num", uid: "num", gid: "num", bind: "num" },
  },
  /** fchown(2) of stdio to the container's user, as far as they are pipes or sockets. */
  chown_stdio: { phases: shimOrInit, args: { uid: "num", gid: "num" } },

  // — process —
  umask: { phases: init, args: { mask: "num" } },
  personality: { phases: init, args: { persona: "num" } },
  sched_setattr: { phases: init, args: { attr: "bytes" } },
  sched_setaffinity: { phases: ["shim", "init"], args: { mask: "bytes" } },
  ioprio_set: { phases: init, args: { ioprio: "num" } },
  set_mempolicy: { phases: init, args: { mode: "num", nodes: "bytes", maxnode: "num" } },
  /** Writes /proc/self/attr/…: the label takes effect at execve. */
  lsm_label: { phases: init, args: { file: "str", label: "str" } },
  no_new_privs: { phases: init, args: {} },
  /** Drops from the bounding set all capabilities that are not in `keep`, and empties the ambient set. */
  cap_bounding: { phases: init, args: { keep: "num" } },
  /** setgroups, setresgid, setresuid; permitted capabilities survive until `capset`. */
  set_user: { phases: init, args: { uid: "num", gid: "num", groups: "bytes", setgroups: "num" } },
  capset: { phases: init, args: { effective: "num", permitted: "num", inheritable: "num" } },
  cap_ambient: { phases: init, args: { set: "num" } },
  chdir: { phases: init, args: { path: "str" } },
  /** seccomp(2) SET_MODE_FILTER; a listener's number is told with the next sync. */
  seccomp: { phases: init, args: { filter: "bytes", flags: "num" } },
  /** The first of `candidates` that is an executable file is what `exec` runs. */
  find_executable: { phases: init, args: { candidates: "strs" } },
  /** The fds that the process keeps, as 3, 4, …; all others are closed, but for the fifo of `wait_start`. */
  keep_fds: { phases: init, args: { first: "slot", count: "num", start: "slot" } },

  // — hooks and the end —
  /** Runs a program and waits: stdin is `before`, this process's pid, `after`. */
  hook: {
    phases: init,
    args: { path: "str", argv: "strs", env: "strs", before: "str", after: "str", timeout_ms: "num" },
  },
  /** Everything that can fail has not; the shim runs the late ops, the runtime records, then init goes on. */
  ready: { phases: init, args: {} },
  /** Waits for the byte that `start` writes; what fails afterwards is written back. */
  wait_start: { phases: init, args: {} },
  /** execve(2) of what find_executable found. */
  exec: { phases: init, args: { argv: "strs", env: "strs" } },

  // — the monitor: what it is told before the container exists —
  /** Serves clients at `socket`, and keeps its records in `directory`. `oom_score` is its own oom_score_adj. */
  monitor: { phases: shim, args: { socket: "slot", directory: "str", oom_score: "num" } },
  /** Pipes for init's stdio; `input` is one of `MonitorInput`. */
  monitor_pipes: { phases: shim, args: { input: "num" } },
  /** `out` is what `console` sends the terminal's master to. */
  monitor_terminal: { phases: shim, args: { out: "slot" } },
  /** Lines as the CRI has them; a new file after `max_size` bytes (0: never), and `max_files` of them. With
   *  `trim_cr` the "\r" of a "\r\n" is left out. */
  monitor_log: { phases: shim, args: { path: "str", max_size: "num", max_files: "num", trim_cr: "num" } },
  /** Looks out for OOM kills in this memory.events, where it exists. */
  monitor_oom: { phases: shim, args: { events: "str" } },
  /** What the monitor turns into when all is over; stderr is appended to `errors`. */
  monitor_exit: { phases: shim, args: { argv: "strs", env: "strs", errors: "str" } },
  /** Start again `on` (`Restart`): after `soon_ms` when it ran for `long_run_ms`, after `later_ms` when it did not. */
  monitor_restart: {
    phases: shim,
    args: { on: "num", soon_ms: "num", later_ms: "num", long_run_ms: "num" },
  },
  /** Runs a command of the host every `interval_ms`; `retries` failures in a row make the container unhealthy. */
  monitor_health: {
    phases: shim,
    args: { argv: "strs", env: "strs", interval_ms: "num", timeout_ms: "num", retries: "num" },
  },
  /** What is run each time that a container gets healthy or unhealthy. */
  monitor_health_change: { phases: shim, args: { argv: "strs", env: "strs" } },
  /** Another OCI runtime makes the container: its `create`, which writes init's pid to `pid_file`. `console` is the
   *  socket that it sends a terminal's master to, if it does. */
  monitor_runtime: { phases: shim, args: { argv: "strs", env: "strs", pid_file: "str", console: "slot" } },
  /** In the first `period_ms` failures do not count, and checks come every `interval_ms`. */
  monitor_health_start: { phases: shim, args: { period_ms: "num", interval_ms: "num" } },
} as const satisfies Record<string, OpDefinition>;

export type OpName = keyof typeof opTable;
export const opNames = Object.keys(opTable) as OpName[];

/** A slot by name; `encodePlan` numbers them. `null` is "none" (for `dir`: the current directory). */
export type Slot = string;

interface ArgValues {
  num: number | bigint;
  slot: Slot | null;
  str: string;
  strs: readonly string[];
  bytes: Uint8Array;
}

/** One op, as data. `at` says which part of config.json asked for it: "mounts[3]". */
export type Op = {
  [N in OpName]: {
    readonly op: N;
    readonly at?: string;
    /** Ops to run in this one's stead if it fails: a fallback that the plan shows. */
    readonly otherwise?: readonly Op[];
    /** A failure is passed over. */
    readonly optional?: boolean;
  } & {
    readonly [A in keyof (typeof opTable)[N]["args"]]: ArgValues[(typeof opTable)[N]["args"][A] & ArgType];
  };
}[OpName];

/** What `move_mount` makes when there is nothing to mount on; `alike`: a directory for a directory, a file for a file. */
export const Make = { directory: 0, file: 1, nothing: 2, alike: 3 } as const;

/** The points at which the runtime has something to do; the numbers travel in `sync`. */
export const syncPoints = ["maps", "cgroup", "network", "hooks", "seccomp"] as const;
export type SyncPoint = (typeof syncPoints)[number];

/**
 * How long the shim stays: until init is ready (create), until it has executed (exec --detach), to its end; or as
 * its monitor, which needs no runtime any more once init is ready.
 */
export const Stay = { untilReady: 0, untilExec: 1, untilExit: 2, monitor: 3 } as const;
