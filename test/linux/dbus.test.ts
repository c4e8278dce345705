import { describe, expect, test } from "vitest";
import { DBusConnection } from "../../src/linux/dbus.ts";
import { FakeSystemd, jobRemoved } from "../support/fake-systemd.ts";

const call = { path: "/p", interface: "org.i", member: "Echo", signature: "s", args: ["hello"] };

describe("a D-Bus connection", () => {
  test("calls are answered, each with its own answer", async () => {
    await using fake = await FakeSystemd.start(({ args }) => ({ signature: "s", body: args }));
    using connection = await DBusConnection.open(fake.path, { uid: 0, bus: false });
    const answers = await Promise.all(
      ["a", "b", "c"].map((text) => connection.call({ ...call, args: [text] })),
    );
    expect(answers).toEqual([["a"], ["b"], ["c"]]);
  });

  test("a bus is greeted first", async () => {
    await using fake = await FakeSystemd.start(() => ({ signature: "s", body: [":1.5"] }));
    using _connection = await DBusConnection.open(fake.path, { uid: 0, bus: true });
    expect(fake.calls.map((each) => each.member)).toEqual(["Hello"]);
  });

  test("an error answer is an error with its name", async () => {
    await using fake = await FakeSystemd.start(() => ({ error: "org.x.Bad", body: ["no good"] }));
    using connection = await DBusConnection.open(fake.path, { uid: 0, bus: false });
    const error = expect.objectContaining({ name: "DBusError", errorName: "org.x.Bad", message: "no good" });
    await expect(connection.call(call)).rejects.toThrow(error);
  });

  test("a refusal during the handshake", async () => {
    await using fake = await FakeSystemd.start(() => undefined, "REJECTED EXTERNAL");
    const opened = DBusConnection.open(fake.path, { uid: 0, bus: false });
    await expect(opened).rejects.toThrow(
      expect.objectContaining({ name: "DBusError", message: "REJECTED EXTERNAL" }),
    );
  });

  test("nobody there", async () => {
    const opened = DBusConnection.open("/nonexistent/socket", { uid: 0, bus: false });
    await expect(opened).rejects.toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("signals go to who waits for them, and to nobody else", async () => {
    const after = [jobRemoved("a", "done"), jobRemoved("b", "failed")];
    await using fake = await FakeSystemd.start(() => ({ after }));
    using connection = await DBusConnection.open(fake.path, { uid: 0, bus: false });
    const abort = new AbortController();
    const b = connection.waitFor((signal) => signal.body[2] === "b", abort.signal);
    const c = connection.waitFor((signal) => signal.body[2] === "c", abort.signal);
    await connection.call(call);
    expect((await b).body[3]).toBe("failed");
    abort.abort(new Error("enough"));
    await expect(c).rejects.toThrow("enough");
  });

  test("when the other side goes, everything that waits fails", async () => {
    const fake = await FakeSystemd.start(() => undefined);
    using connection = await DBusConnection.open(fake.path, { uid: 0, bus: false });
    const waiting = Promise.allSettled([
      connection.call(call),
      connection.waitFor(() => true, AbortSignal.timeout(9000)),
    ]);
    await fake[Symbol.asyncDispose]();
    expect((await waiting).map((each) => each.status)).toEqual(["rejected", "rejected"]);
    await expect(connection.call(call)).rejects.toThrow(/closed/);
  });
});
