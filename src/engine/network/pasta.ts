/**
 * The network of an ordinary user's container: pasta(1) passes what it sends on as the user's own connections, and brings it
 * what comes to published ports. There is no bridge: that takes root.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { bindMount, unmount } from "../../linux/mount.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type PortMapping, plainMapping } from "./port-mapping.ts";

/** What a container's pasta is known by, in a directory of the container. */
const pidFile = (directory: string): string => join(directory, "pasta.pid");
/** The network namespace for pasta to open, which may not look at init; it ends when the file goes. */
const namespaceFile = (directory: string): string => join(directory, "netns");

export interface PastaRequest {
  /** Where it leaves its pid. */
  readonly directory: string;
  /** Path of the network namespace. */
  readonly namespace: string;
  readonly ports: readonly PortMapping[];
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when the network is there. @throws {RuntError} NotFound without pasta; Unavailable with what pasta says */
export async function startPasta({ directory, namespace, ports, signal }: PastaRequest): Promise<void> {
  signal?.throwIfAborted();
  const forwarded = (protocol: PortMapping["protocol"]): string[] => {
    const flag = `--${protocol}-ports`;
    const specs = ports
      .filter((port) => port.protocol === protocol)
      .map((port) => portSpec(plainMapping(port)));
    return specs.length === 0 ? [flag, "none"] : specs.flatMap((spec) => [flag, spec]);
  };
  const args = [
    ...["--config-net", "--quiet", "--no-map-gw", "--pid", pidFile(directory)],
    ...forwarded("tcp"),
    ...forwarded("udp"),
    // What the container connects to on its own loopback is its own.
    ...["--tcp-ns", "none", "--udp-ns", "none", "--netns", namespaceFile(directory)],
  ];
  closeSync(openSync(namespaceFile(directory), "w", 0o600));
  bindMount(namespace, namespaceFile(directory));
  const { status, stderr } = await output("pasta", args, signal);
  if (status === 0) return;
  stopPasta(directory);
  const [line = "it failed without a word"] = stderr.trim().split("\n").slice(-1);
  throw new RuntError("Unavailable", `network: pasta: ${line}`, {
    operation: "start",
    hint: "--network=host and --network=none do without it",
  });
}

/** Also where it has ended by itself, or never was. */
export function stopPasta(directory: string): void {
  const file = pidFile(directory);
  try {
    unmount(namespaceFile(directory));
  } catch (error) {
    // Not there, or not mounted.
    if (!hasCode(error, "ENOENT", "EINVAL")) throw error;
  }
  rmSync(namespaceFile(directory), { force: true });
  try {
    const pid = Number(readFileSync(file, "latin1"));
    // After a reboot somebody else may have its number, and be another container's pasta too.
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (words.includes(namespaceFile(directory))) process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ESRCH")) throw error;
  }
  rmSync(file, { force: true });
}

/** "127.0.0.1/8080:80", as pasta(1) reads it. */
function portSpec({ hostAddress, hostPorts: [first, last], containerPort, protocol }: PortMapping): string {
  if (first === 0 || last !== first || protocol === "sctp") {
    throw new RuntError(
      "Unimplemented",
      `network: an ordinary user's published port needs a number of its own, of tcp or udp: ${containerPort}/${protocol}`,
      { operation: "start", hint: "-p HOSTPORT:PORT" },
    );
  }
  return `${hostAddress === "" ? "" : `${hostAddress}/`}${first}:${containerPort}`;
}

/** pasta goes into the background once all is done; its outputs end then. */
function output(
  program: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ status: number; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], signal });
    let stderr = "";
    child.stderr.on("data", (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    child.once("error", (error) => {
      if (!hasCode(error, "ENOENT")) return reject(signal?.aborted ? signal.reason : error);
      reject(
        new RuntError("NotFound", "network: an ordinary user's network needs pasta, which is not there", {
          operation: "start",
          hint: "install passt, or use --network=host or --network=none",
        }),
      );
    });
    child.once("close", (code) => resolve({ status: code ?? 1, stderr }));
  });
}
