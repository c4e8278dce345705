/** What the name responder reads: questions and files of members that are wrong, under the sanitizers. */

import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { nativePath } from "../../src/linux/native.ts";
import { makeNative } from "../support/native-build.ts";
import { Random } from "./random.ts";

const seed = Number(process.env.RUNT_FUZZ_SEED ?? 1);
const rounds = Number(process.env.RUNT_FUZZ_ROUNDS ?? 20_000);

/** First bytes of inputs. See native-shims/fuzz_dns.c. */
const by = { udp: 0, tcp: 1, udp6: 2, tcp6: 3 } as const;
const file = { app: 4, other: 5 } as const;

const [A, PTR, MX, AAAA, ANY] = [1, 12, 15, 28, 255] as const;
const reverse6 = [..."fd000000000000000000000000000002"].toReversed().join(".");

const app = `listen 10.87.0.1
upstream 9.9.9.9
last 10.87.0.3
member 4f1c 10.87.0.2 fd00::2 web,4f1c2ab3d9e0,www 1.1.1.1,8.8.8.8
member 5a01 10.87.0.3 - db,www -
`;
const other = `listen 10.88.0.1
upstream none
member 4f1c 10.88.0.2 - web -
member 77aa 10.88.0.3 fd01::3 far -
`;

function input(first: number, rest: string | Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(first), Buffer.from(rest as string, "latin1")]);
}

/** A question, as RFC 1035 section 4 has it. */
function question(how: number, name: string, type: number): Buffer {
  const labels = name.split(".").map((label) => String.fromCharCode(label.length) + label);
  const text = `\x12\x34\x01\0\0\x01\0\0\0\0\0\0${labels.join("")}\0\0${String.fromCharCode(type)}\0\x01`;
  return input(how, text);
}

/** What it says to each; throws when a sanitizer, or the check of an answer, ends it. */
function answers(inputs: readonly Buffer[]): string[] {
  const framed = inputs.flatMap((bytes) => [Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]);
  const { stdout, stderr, status, signal } = spawnSync(nativePath("check-dns"), {
    input: Buffer.concat(framed),
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: {},
  });
  const lines = stdout.split("\n").slice(0, -1);
  if (status !== 0) {
    const hex = inputs[lines.length]?.toString("hex");
    throw new Error(
      `seed ${seed}, input ${lines.length}, ${hex}: ${signal ?? status}: ${stderr.slice(0, 2000)}`,
    );
  }
  return lines;
}

const files = [input(file.app, app), input(file.other, other)];
const questions = Object.values(by).flatMap((how) => [
  question(how, "web", A),
  question(how, "WWW", ANY),
  question(how, "web", AAAA),
  question(how, "db", AAAA),
  question(how, "far", A),
  question(how, "web", MX),
  question(how, "example.org", A),
  question(how, "2.0.87.10.in-addr.arpa", PTR),
  question(how, `${reverse6}.ip6.arpa`, PTR),
]);

/** Changes one thing, or a few. */
function mutate(random: Random, before: Buffer): Buffer {
  let bytes = Buffer.from(before);
  const at = (): number => 1 + random.below(bytes.length - 1);
  const kinds: (() => void)[] = [
    () => bytes.writeUInt8(random.below(256), at()),
    () => bytes.writeUInt8([0, 1, 63, 64, 191, 192, 255][random.below(7)]!, at()),
    () => bytes.writeUInt8(bytes[at()]! ^ (1 << random.below(8)), at()),
    // Lengths of labels, and counts.
    () => bytes.writeUInt8(random.below(70), Math.min(13, bytes.length - 1)),
    () => bytes.writeUInt16BE(random.interesting() & 0xffff, Math.min(5, bytes.length - 2)),
    () => bytes.copy(bytes, at(), at()),
    () => {
      bytes = bytes.subarray(0, at());
    },
    () => {
      bytes = Buffer.concat([bytes, Buffer.alloc(random.below(5000), random.below(256))]);
    },
    // Separators of the files, and their absence.
    () => bytes.write([" ", "\n", ",", "-", "\0", ":"][random.below(6)]!, at()),
    () => {
      bytes = Buffer.concat([bytes, bytes.subarray(1)]);
    },
  ];
  for (let n = 1 + random.below(3); n > 0 && bytes.length > 2; n--) kinds[random.below(kinds.length)]!();
  return bytes;
}

describe("the name responder's readers — native-shims/dns_message.c, dns_members.c", () => {
  beforeAll(() => {
    makeNative("check-dns");
  }, 120_000);

  test("questions for names of the asker's networks, for others, and for addresses", () => {
    const said = answers([...files, ...questions]).slice(2);
    const expected = ["1", "2", "1", "0", "1", "0", undefined, "1", "1"].map((records) =>
      records === undefined ? "others" : `rcode 0, ${records} records`,
    );
    expect(said).toEqual([...expected, ...expected, ...expected, ...expected]);
  });

  test("every prefix of a question: silence, or an answer that is whole", () => {
    const [whole] = questions;
    const prefixes = Array.from({ length: whole!.length - 1 }, (_, n) => whole!.subarray(0, n + 1));
    const said = answers([...files, ...prefixes]).slice(2);
    expect(new Set(said)).toEqual(new Set(["silence", "rcode 2, 0 records"]));
  });

  test(`${rounds} questions and files with something wrong in them`, { timeout: 120_000 }, () => {
    const random = new Random(seed);
    const seen = new Map<string, number>();
    for (let done = 0; done < rounds; done += 1000) {
      const batch = Array.from({ length: 1000 }, (_, i) => {
        // The files as they should be, every now and then: most of what is wrong with one hides the rest.
        if (i % 50 < 2) return files[i % 50]!;
        if (i % 50 === 25) return mutate(random, files[random.below(2)]!);
        return mutate(random, questions[random.below(questions.length)]!);
      });
      for (const answer of answers(batch)) seen.set(answer, (seen.get(answer) ?? 0) + 1);
    }
    // A mutator that no longer gets there is worth nothing.
    for (const answer of ["silence", "others", "file", "rcode 0, 0 records", "rcode 0, 1 records"]) {
      expect(seen.get(answer) ?? 0, answer).toBeGreaterThan(0);
    }
    expect(seen.get("rcode 2, 0 records") ?? 0).toBeGreaterThan(0);
  });

  test("a name with more addresses than there is room for: as many as fit", () => {
    const many = Array.from({ length: 200 }, (_, i) => `member ${i} 10.87.1.${i} - crowd -`);
    const crowd = input(file.app, `${app}${many.join("\n")}\n`);
    const asked = [question(by.udp, "crowd", A), question(by.tcp, "crowd", A)];
    const said = answers([crowd, ...asked]).slice(1);
    // 512 bytes by UDP; by TCP as many as we keep of one name.
    expect(said).toEqual(["rcode 0, 30 records", "rcode 0, 64 records"]);
  });

  test("a file of four megabytes without a line's end", { timeout: 120_000 }, () => {
    const giant = input(file.app, "member ".padEnd((4 << 20) + 100, "x"));
    expect(answers([giant, ...questions]).slice(1)).not.toContain("silence");
  });
});
