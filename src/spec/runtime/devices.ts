/** The `linux.devices` and `linux.netDevices` sections. @see runtime-spec 1.3 config-linux.md#devices */
import { idOrRoot, integer, oneOf, optionalText, readText } from "./leaves.ts";
import { defaulted, type Infer, leaf, mustBe, object, refuse } from "./schema.ts";

const devicePath = leaf((value) => {
  const path = readText(value);
  if (typeof path !== "string") return path;
  if (!path.startsWith("/")) return refuse(mustBe("absolute", path));
  return path.split("/").includes("..") ? refuse(mustBe('without ".."', path)) : path;
});

/** Callers copy `st_mode` of a host device: its file type bits are dropped, `type` says them. */
const fileMode = leaf((value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32
    ? value & 0o7777
    : refuse(mustBe("a file mode", value)),
);

/** One device node that must exist in the container. */
export const LinuxDevice = object(() => ({
  path: devicePath,
  /** Block, character (c, u) or FIFO. */
  type: oneOf(["b", "c", "u", "p"]),
  /** The kernel has 12 bits for it. */
  major: defaulted(integer(0, 4095), () => 0),
  /** The kernel has 20 bits for it. */
  minor: defaulted(integer(0, 1_048_575), () => 0),
  /** Permission bits, without the file type. */
  fileMode: defaulted(fileMode, () => 0o666),
  uid: idOrRoot,
  gid: idOrRoot,
}));
export type LinuxDevice = Infer<typeof LinuxDevice>;

/** What becomes of one network device of the host. */
export const LinuxNetDevice = object(() => ({
  /** Its name in the container; "%d" in it is a number the kernel chooses. Absent: the name stays. */
  name: optionalText,
}));
export type LinuxNetDevice = Infer<typeof LinuxNetDevice>;
