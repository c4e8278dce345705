/** An image as templates see it: what it says nothing about is there too, and empty, as in docker's structs. */

const config = {
  Cmd: [],
  Entrypoint: [],
  Env: [],
  ExposedPorts: {},
  Healthcheck: undefined,
  Labels: {},
  OnBuild: [],
  Shell: [],
  StopSignal: "",
  User: "",
  Volumes: {},
  WorkingDir: "",
};

const image = { DockerVersion: "", OsVersion: "", Variant: "" };

/** For `--format`. `{{json .Config}}` has only what the image says all the same. */
export function forTemplate(inspected: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return withHidden({ ...inspected, Config: withHidden({ ...(inspected.Config as object) }, config) }, image);
}

/** A template finds what is not enumerable; whoever goes over all that there is does not. */
function withHidden(object: Record<string, unknown>, absent: object): Record<string, unknown> {
  for (const [key, value] of Object.entries(absent)) {
    if (!Object.hasOwn(object, key)) Object.defineProperty(object, key, { value });
  }
  return object;
}
