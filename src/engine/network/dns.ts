/**
 * The name responder: one small process of C for all networks of a root, `runt-dns`, started when the first container
 * of a network with names comes, and gone with the last one. It keeps nothing: it answers from the files of members,
 * and what it tells us is on which port it listens for each network.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntError } from "../../errors.ts";
import { nativePath } from "../../linux/native.ts";
import { type NetworkContext, places } from "./context.ts";
import { readText } from "./files.ts";
import type { Network } from "./network.ts";
import { isResponderRunning } from "./responder.ts";
import type { ResponderPort } from "./ruleset.ts";

/** How long a responder that runs may take to see that there is a new network. */
const patienceMs = 1000;

/** The port of DNS, which the responder has where no other program of the host has it. */
const usualPort = 53;

/**
 * Sees to it that the responder listens for `networks`, whose members are written; starts it if it does not run. With
 * the lock.
 * @throws {RuntError} Internal: it cannot listen
 */
export async function ensureResponder(context: NetworkContext, networks: readonly Network[]): Promise<void> {
  const served = networks.filter(({ dns }) => dns);
  if (served.length === 0) return;
  if (!isResponderRunning(context)) await startResponder(context);
  const deadline = performance.now() + patienceMs;
  for (const network of served) {
    while (!existsSync(portFile(context, network)) && performance.now() < deadline) await sleep(1);
    if (existsSync(portFile(context, network))) continue;
    const subject = `network ${network.name}`;
    throw new RuntError("Internal", "the name responder does not listen for this network", {
      operation: "network setup",
      subject,
      hint: "see the system's log for runt-dns",
    });
  }
}

/** It says there on which port it listens. */
function portFile({ root }: NetworkContext, { name }: Network): string {
  return join(places.dns(root), `${name}.port`);
}

async function startResponder({ root }: NetworkContext): Promise<void> {
  const program = process.env.RUNT_DNS ?? nativePath("runt-dns");
  // It leaves us by itself once it listens; until then it may say what is wrong.
  const child = spawn(program, [root], { stdio: ["ignore", "ignore", "pipe"], env: {} });
  const said: Buffer[] = [];
  child.stderr.on("data", (part: Buffer) => said.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return;
  throw new RuntError(
    "Internal",
    `no name responder: ${Buffer.concat(said).toString().trim() || `exit ${code}`}`,
    {
      operation: "network setup",
      path: program,
    },
  );
}

/** Networks for which it listens on another port than the usual one. Their questions are to be redirected. */
export function responderPorts(context: NetworkContext, networks: readonly Network[]): ResponderPort[] {
  return networks.flatMap((network) => {
    if (!network.dns) return [];
    const port = Number(readText(portFile(context, network)) ?? usualPort);
    return port === usualPort || !(port > 0) ? [] : [{ network, port }];
  });
}
