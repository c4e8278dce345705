/** Whether a container still has what it was given. */
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { bytesOfAddress, parseCidr } from "../../linux/inet-address.ts";
import { IFA_ADDRESS, Rtnetlink } from "../../linux/rtnetlink.ts";
import type { NetworkContext } from "./context.ts";
import { findDefinition } from "./definitions.ts";
import { openNamespace } from "./namespace.ts";
import { type Attachment, type ContainerRecord, readRecord } from "./record.ts";
import type { Namespace } from "./request.ts";

/**
 * Looks at a container's interfaces and addresses; plugins are asked with CHECK.
 * @throws {RuntError} FailedPrecondition: something is missing; what a plugin says
 */
export async function checkNetwork(context: NetworkContext, id: string, namespace: Namespace): Promise<void> {
  const record = readRecord(context.root, id);
  if (!record) throw missing(id, "the container has no networks of its own");
  using opened = openNamespace(namespace, id);
  using there = new Rtnetlink(opened.fd);
  for (const attachment of record.attachments) {
    if (attachment.driver === "cni") {
      const { checkWithPlugins } = await import("./cni/attach.ts");
      const network = findDefinition(context.definitions, attachment.network, "network check");
      await checkWithPlugins(context, id, opened.path, network, attachment);
    } else {
      checkInside(there, id, attachment);
    }
  }
}

/** Whether a namespace has everything that a record tells of. */
export function isInside(namespace: Fd, { id, attachments }: ContainerRecord): boolean {
  using there = new Rtnetlink(namespace);
  try {
    for (const attachment of attachments) checkInside(there, id, attachment);
    return true;
  } catch (error) {
    if (error instanceof RuntError && error.kind === "FailedPrecondition") return false;
    throw error;
  }
}

function checkInside(there: Rtnetlink, id: string, attachment: Attachment): void {
  const { interfaceName, network } = attachment;
  const link = there.link(interfaceName);
  if (!link?.isUp) throw missing(id, `interface ${interfaceName} of network ${network} is not up`);
  const addresses = there.addresses(link);
  for (const cidr of [attachment.ipv4, attachment.ipv6]) {
    const parsed = parseCidr(cidr);
    if (!parsed) continue;
    const bytes = bytesOfAddress(parsed.address);
    if (addresses.some(({ attributes }) => attributes.get(IFA_ADDRESS)?.equals(bytes))) continue;
    throw missing(id, `interface ${interfaceName} of network ${network} has no address ${cidr}`);
  }
}

function missing(id: string, what: string): RuntError {
  return new RuntError("FailedPrecondition", what, {
    operation: "network check",
    subject: `container ${id}`,
  });
}
