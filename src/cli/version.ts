/** Which build this is, in the lines that dockerd, go-runc and podman read from a runtime's `--version`. */
import packageJson from "../../package.json" with { type: "json" };

/** Put in by the build; not there when the sources run as they are. */
declare const RUNT_COMMIT: string | undefined;

/** The newest runtime-spec whose configurations are understood. */
export const specVersion = "1.3.0";

/** Of the package. */
export const version: string = packageJson.version;

/** Of the sources, abbreviated. */
export const commit: string = typeof RUNT_COMMIT === "undefined" ? "unknown" : RUNT_COMMIT;

/** dockerd takes what stands before and after the word of the first line, and the `commit: ` line. */
export function versionText(program: string): string {
  return `${program} version ${version}\ncommit: ${commit}\nspec: ${specVersion}\nnode: ${process.versions.node}\n`;
}
