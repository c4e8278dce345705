/**
 * Where podman and runt differ, and why. A difference that is not here fails the test, and one that is here and is none
 * any more does too. docs/compat.md has the same sentences.
 */

export interface KnownDifference {
  readonly title: string;
  readonly reason: string;
  /** Case and what of it. */
  readonly at: readonly string[];
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    title: "Exit status of what is refused",
    reason:
      "podman ends with 125 when any verb refuses something, with 2 where something is in use and with 255 in `exec`. docker's client ends with 1, keeps 125 for `run` and for wrong flags, and 126 for what `exec` tries in vain; so does runt.",
    at: [
      "attach: sees what comes, and its exit status: not running",
      "command line: mistakes: too many operands",
      "commit: what was changed: bad change",
      "commit: what was changed: no such container",
      "cp: into one: a directory over a file",
      "cp: into one: into no directory",
      "cp: into one: no such container",
      "cp: into one: no such file",
      "cp: out of one: no such file",
      "diff: what has changed: no such container",
      "exec: exit statuses: no program",
      "exec: exit statuses: no such container",
      "exec: exit statuses: not running",
      "exec: flags: unknown user",
      "images: list: exists",
      "images: list: unknown filter",
      "images: pull: bad name",
      "images: pull: no registry",
      "images: rmi: used",
      "images: save and load: no archive",
      "images: save and load: no such image",
      "images: tag: bad name",
      "images: tag: no such image",
      "inspect: templates: --type",
      "inspect: templates: no such field",
      "inspect: templates: no such thing",
      "inspect: templates: not a template",
      "inspect: templates: one of two",
      "kill: signals: no such container",
      "kill: signals: not running",
      "kill: signals: unknown",
      "logs: of one that has ended: bad --since",
      "logs: of one that has ended: no such container",
      "logs: of one that has ended: none",
      "logs: with no driver: status",
      "network: connect and disconnect: again",
      "network: connect and disconnect: no such container",
      "network: connect and disconnect: no such network",
      "network: verbs: again",
      "network: verbs: bad subnet",
      "network: verbs: in use",
      "network: verbs: no such network",
      "network: verbs: overlaps",
      "pause: and unpause: again",
      "pause: and unpause: exec",
      "pause: and unpause: no such container",
      "pause: and unpause: unpause again",
      "ports: published: not published",
      "ps: filters and formats: bad status",
      "ps: filters and formats: bad template",
      "ps: filters and formats: not a template",
      "ps: filters and formats: unknown filter",
      "rename: one: no such container",
      "rename: one: old name",
      "rename: one: taken",
      "restart: one that runs, and one that does not: no such container",
      "rm: what runs and what does not: running",
      "run: names: second",
      "start: one that was made: no such container",
      "stats: a moment's: no such container",
      "stop: errors: no such container",
      "stop: errors: none",
      "top: of one that does not run: status",
      "top: of one that runs: no such container",
      "volume: named: keeps, and has what the image has there: in use",
      "volume: verbs: bad name",
      "volume: verbs: no such volume",
      "wait: many: no such container",
    ],
  },
  {
    title: "Unknown verb",
    reason:
      "The number of a command that does not exist is runc's, which `runt-oci` replaces: 3. docker's client ends with 1.",
    at: ["command line: mistakes: unknown verb"],
  },
  {
    title: "Exit status of `attach`",
    reason:
      "podman 4.3 ends with 0 after `attach`, and prints an empty line; docker's client ends as the container did.",
    at: ["attach: sees what comes, and its exit status: attached"],
  },
  {
    title: "`-v` of a directory that is not there",
    reason:
      "`-v` makes a directory where the source is not there, as docker does; `--mount` refuses in both.",
    at: ["bind: a directory: no source"],
  },
  {
    title: "Archives of `cp`",
    reason:
      "As docker: a directory ends with a slash in the archive, and files of an archive keep their owners. podman gives them to the container's user.",
    at: ["cp: as an archive: out", "cp: as an archive: there"],
  },
  {
    title: "`images NAME`",
    reason: "podman 4.3 lists all names of an image when one of them is asked for.",
    at: ["images: list: one"],
  },
  {
    title: "`inspect`",
    reason:
      "inspect has docker's values: a name with a slash, 64 MiB of shared memory (podman: 64000 KiB), restart policy `no` (podman: empty), a paused container is running too. `SizeRootFs` is there only with `--size`.",
    at: [
      "inspect: templates: name",
      "inspect: templates: resources",
      "inspect: templates: restart",
      "inspect: templates: size",
      "pause: and unpause: state",
      "run: limits of the kernel: usual shm",
    ],
  },
  {
    title: "`logs --tail all`",
    reason: "`--tail all`, as docker; podman takes a number only.",
    at: ["logs: of one that has ended: --tail all"],
  },
  {
    title: "`--network container:X`",
    reason:
      "Who joins another container's network has its `/etc/hostname`, `/etc/hosts`, `/etc/resolv.conf` and host name, as with docker; with podman only the last two files.",
    at: ["network: modes: its host name", "network: modes: its hostname file"],
  },
  {
    title: "`network create`",
    reason: "The ID, as docker prints it; podman prints the name.",
    at: ["network: verbs: create"],
  },
  {
    title: "125 or 126",
    reason:
      "An address that no network has, a user that the image does not know and a working directory that is not absolute are mistakes of the caller, found before the runtime is called: 125, as with docker. podman learns it from the runtime: 126.",
    at: [
      "network: verbs: outside it",
      "run: user: unknown",
      "run: user: unknown group",
      "run: working directory: relative",
    ],
  },
  {
    title: "`ps --format`",
    reason: "docker's columns: the command in quotes, the state in one word, labels as `name=value`.",
    at: ["ps: filters and formats: fields"],
  },
  {
    title: "`--read-only`",
    reason:
      "podman puts a tmpfs on `/run`, `/tmp` and `/var/tmp` of a read-only container; docker does not, and neither does runt.",
    at: ["run: --read-only: /tmp"],
  },
  {
    title: "`--tmpfs`",
    reason: "podman copies the image's files into a tmpfs and leaves out `noexec`; docker does neither.",
    at: ["run: --tmpfs: over the image's files", "run: --tmpfs: usual"],
  },
  {
    title: "Capabilities",
    reason:
      "docker's fourteen capabilities; podman leaves out MKNOD, NET_RAW and AUDIT_WRITE. podman gives `--cap-add` to a user who is not root as ambient ones; docker lets him get them from files that have them.",
    at: ["run: capabilities: usual", "run: capabilities: of another user"],
  },
  {
    title: "Environment",
    reason: "podman sets `container=podman`, and `TERM` where there is no terminal.",
    at: ["run: environment: what every program gets"],
  },
  {
    title: "No interpreter",
    reason:
      "A program whose interpreter is missing: 127 for runt and docker, which say what was not found; podman 4.3 with runc ends with 1.",
    at: ["run: exit statuses: no interpreter"],
  },
  {
    title: "resolv.conf",
    reason: "The order of lines in resolv.conf; resolvers do not mind.",
    at: ["run: names of the machine: name servers"],
  },
  {
    title: "`--replace`",
    reason: "podman says the ID or name of the container that it removes.",
    at: ["run: names: replaced"],
  },
  {
    title: "Users",
    reason:
      "podman 4.3 adds a line for a number without a name to `/etc/passwd`, and leaves root's own group out of the supplementary ones; the image's files stay as they are with docker and runt, and the own group is in (CVE-2022-36109).",
    at: ["run: user: by number", "run: user: numbers", "run: user: root"],
  },
  {
    title: "`-w` of a directory that is not there",
    reason: "It is made, as docker does.",
    at: ["run: working directory: a new one"],
  },
  {
    title: "`start`",
    reason: "`start` says the name, as docker does, also when the container runs already.",
    at: ["start: one that runs: says"],
  },
  {
    title: "`stats` and `top`",
    reason: "docker's columns. `top` is the host's ps(1) with `-ef`; podman has a ps of its own.",
    at: ["stats: a moment's: titles", "top: of one that runs: titles"],
  },
  {
    title: "`update --restart`",
    reason: "podman 4.3 cannot change it.",
    at: ["update: restart policy: status"],
  },
  {
    title: "`volume create` again",
    reason: "Who makes a volume that is there gets it, as with docker.",
    at: ["volume: verbs: again"],
  },
  {
    title: "`commit --message`",
    reason: "podman refuses it for images in OCI's format; runt, as docker, notes it in the image's history.",
    at: ["commit: what was changed: with a message"],
  },
];
