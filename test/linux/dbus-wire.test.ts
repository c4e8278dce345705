import { describe, expect, test } from "vitest";
import { decodeMessage, encodeCall, messageLength } from "../../src/linux/dbus-message.ts";
import { type DBusValue, Reader, splitSignature, Writer } from "../../src/linux/dbus-wire.ts";

function bytesOf(signature: string, values: readonly DBusValue[]): number[] {
  const writer = new Writer();
  writer.writeAll(signature, values);
  return [...writer.bytes()];
}

describe("D-Bus marshalling", () => {
  test("signatures split into complete types", () => {
    expect(splitSignature("a{sv}u(s(ii))aay")).toEqual(["a{sv}", "u", "(s(ii))", "aay"]);
    expect(splitSignature("")).toEqual([]);
    expect(() => splitSignature("(s")).toThrow(TypeError);
  });

  for (const [signature, value, bytes] of [
    ["y", 5, [5]],
    ["b", true, [1, 0, 0, 0]],
    ["q", 0x1234, [0x34, 0x12]],
    ["i", -1, [255, 255, 255, 255]],
    ["t", 2n ** 64n - 1n, Array(8).fill(255)],
    ["s", "foo", [3, 0, 0, 0, 102, 111, 111, 0]],
    ["g", "ss", [2, 115, 115, 0]],
    ["v", { signature: "u", value: 7 }, [1, 117, 0, 0, 7, 0, 0, 0]],
    ["as", ["a", "b"], [14, 0, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 1, 0, 0, 0, 98, 0]],
    ["ay", Uint8Array.of(1, 2), [2, 0, 0, 0, 1, 2]],
    // An empty array of structs still has the padding before its first element.
    ["a(ss)", [], [0, 0, 0, 0, 0, 0, 0, 0]],
  ] as [string, DBusValue, number[]][]) {
    test(`${signature} ${String(value)}`, () => expect(bytesOf(signature, [value])).toEqual(bytes));
  }

  test("everything comes back as it was", () => {
    const signature = "ybnqiuxtdsogva(sv)a{sv}(y(tb))";
    const values: DBusValue[] = [
      255,
      false,
      -5,
      65535,
      -(2 ** 31),
      2 ** 32 - 1,
      -(2n ** 63n),
      2n ** 64n - 1n,
      1.5,
      "grüße",
      "/a/b",
      "a(ss)",
      { signature: "a(ss)", value: [["a", "b"]] },
      [["PIDs", { signature: "au", value: [1, 2] }]],
      [["k", { signature: "s", value: "v" }]],
      [1, [5n, true]],
    ];
    const writer = new Writer();
    writer.writeAll(signature, values);
    expect(new Reader(writer.bytes()).readAll(signature)).toEqual(values);
  });

  test("larger than the first buffer", () => {
    const text = "x".repeat(5000);
    const writer = new Writer();
    writer.writeAll("sas", [text, [text, text]]);
    expect(new Reader(writer.bytes()).readAll("sas")).toEqual([text, [text, text]]);
  });

  for (const [what, signature, bytes] of [
    ["a string longer than the message", "s", [255, 0, 0, 0, 97, 0]],
    ["an array longer than the message", "au", [255, 255, 255, 0, 1, 0, 0, 0]],
    ["a number cut short", "t", [1, 2, 3]],
  ] as const) {
    test(`${what}: a RangeError`, () => {
      expect(() => new Reader(Uint8Array.from(bytes)).readAll(signature)).toThrow(RangeError);
    });
  }
});

describe("D-Bus messages", () => {
  test("a call has the header that the specification shows, and comes back", () => {
    const call = {
      destination: "org.a",
      path: "/o",
      interface: "org.i",
      member: "M",
      signature: "su",
      args: ["x", 5],
    };
    const bytes = encodeCall(call, 9);
    expect([...bytes.subarray(0, 4)]).toEqual(["l".charCodeAt(0), 1, 0, 1]);
    expect(messageLength(bytes)).toBe(bytes.length);
    expect(decodeMessage(bytes)).toEqual({
      type: 1,
      replySerial: 0,
      path: "/o",
      interface: "org.i",
      member: "M",
      errorName: "",
      body: ["x", 5],
    });
  });

  test("big-endian messages are refused", () => {
    expect(() => messageLength(new Uint8Array(16).fill("B".charCodeAt(0)))).toThrow(RangeError);
  });
});
