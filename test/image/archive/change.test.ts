/** `--change` of import and commit: instructions of a Dockerfile that change an image config. */

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { applyChanges } from "../../../src/image/archive/change.ts";
import { splitPairs, splitWords } from "../../../src/image/archive/words.ts";
import type { ContainerConfig } from "../../../src/spec/image/config.ts";
import { needs } from "../../support/needs.ts";
import { tarOf } from "../content/images.ts";
import { Room } from "../content/room.ts";
import { podmanIn } from "./peers.ts";

const second = 1e9;

const cases: readonly (readonly [changes: readonly string[], result: Partial<ContainerConfig>])[] = [
  [['CMD ["a", "b c"]'], { Cmd: ["a", "b c"] }],
  [["CMD echo $HOME"], { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
  [["cmd=/bin/bash"], { Cmd: ["/bin/sh", "-c", "/bin/bash"] }],
  [['CMD ["a",]'], { Cmd: ["/bin/sh", "-c", '["a",]'] }],
  [['SHELL ["/bin/bash", "-lc"]', "CMD x"], { Shell: ["/bin/bash", "-lc"], Cmd: ["/bin/bash", "-lc", "x"] }],
  [['CMD ["x"]', 'ENTRYPOINT ["y"]'], { Cmd: ["x"], Entrypoint: ["y"] }],
  [["ENV A=1 B='two words' C=a\\ b", "ENV A=3"], { Env: ["B=two words", "C=a b", "A=3"] }],
  [["ENV OLD all the rest=x"], { Env: ["OLD=all the rest=x"] }],
  [["ENV=A=b"], { Env: ["A=b"] }],
  [
    ["EXPOSE 80 53/udp 8000-8002"],
    { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} } },
  ],
  [['LABEL a=b "c d"="e f"', "LABEL a=g"], { Labels: { a: "g", "c d": "e f" } }],
  [["ONBUILD RUN x", "ONBUILD RUN y"], { OnBuild: ["RUN x", "RUN y"] }],
  [["STOPSIGNAL SIGQUIT"], { StopSignal: "SIGQUIT" }],
  [["USER 1000:www"], { User: "1000:www" }],
  [["VOLUME /a /b", 'VOLUME ["/c d"]'], { Volumes: { "/a": {}, "/b": {}, "/c d": {} } }],
  [["WORKDIR /a", "WORKDIR b/../c"], { WorkingDir: "/a/c" }],
  [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
  [
    ["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f localhost"],
    {
      Healthcheck: {
        Test: ["CMD-SHELL", "curl -f localhost"],
        Interval: 90 * second,
        Timeout: second / 2,
        Retries: 3,
      },
    },
  ],
  [['HEALTHCHECK CMD ["/check"]'], { Healthcheck: { Test: ["CMD", "/check"] } }],
];

describe("change", () => {
  for (const [changes, result] of cases) {
    test(changes.join("; "), () => {
      expect(applyChanges({ Env: [] }, changes)).toEqual({ Env: [], ...result });
    });
  }

  test("an entrypoint takes away the command that the image had, and changes nothing else", () => {
    const old: ContainerConfig = { Env: ["A=1"], Cmd: ["old"], User: "me" };
    expect(applyChanges(old, ['ENTRYPOINT ["e"]'])).toEqual({ Env: ["A=1"], User: "me", Entrypoint: ["e"] });
    expect(old.Cmd).toEqual(["old"]);
  });

  for (const change of [
    "",
    "RUN x",
    "FROM x",
    "CMD",
    "toString x",
    "ENV A",
    'ENV A="b',
    "EXPOSE 0",
    "EXPOSE 99999",
    "EXPOSE 9-1",
    "EXPOSE http",
    "LABEL x",
    "USER a b",
    'SHELL "/bin/sh"',
    "HEALTHCHECK",
    "HEALTHCHECK CMD",
    "HEALTHCHECK --interval=x CMD y",
    "HEALTHCHECK --unknown=1 CMD y",
  ]) {
    test(`refused, with the change named: ${JSON.stringify(change)}`, () => {
      expect(() => applyChanges({ Env: [] }, [change])).toThrow(
        expect.objectContaining({
          name: "RuntError",
          kind: "InvalidArgument",
          site: { operation: "change", subject: `change ${JSON.stringify(change)}` },
        }),
      );
    });
  }
});

test("words are held together by quotes and backslashes", () => {
  expect(splitWords(` a  "b c"d 'e\\f' g\\ h "i\\"j" "k\\l" `)).toEqual([
    "a",
    "b cd",
    "e\\f",
    "g h",
    'i"j',
    "k\\l",
  ]);
  expect(splitPairs("a=b c=")).toEqual([
    ["a", "b"],
    ["c", ""],
  ]);
});

needs("root", "program:podman")("podman's import makes the same of the same changes", async () => {
  await using room = await Room.make();
  const podman = podmanIn(room.root);
  writeFileSync(room.path("tar"), tarOf("import"));
  // What podman 4.3 takes and reads as docker does.
  const changes = [
    'CMD ["a", "b c"]',
    'ENTRYPOINT ["y"]',
    "ENV A=1",
    "ENV OLD=rest",
    "EXPOSE 80",
    "EXPOSE 53/udp",
    "LABEL a=b",
    "USER 1000:www",
    "VOLUME /a",
    "WORKDIR /w",
  ];
  const id = await podman(
    "import",
    "-q",
    ...changes.flatMap((change) => ["--change", change]),
    room.path("tar"),
  );
  const [inspected] = JSON.parse(await podman("image", "inspect", id.trim()));
  expect(inspected.Config).toMatchObject(applyChanges({ Env: [] }, changes));
});
