/**
 * The calls that 32-bit x86 programs can also make through socketcall(2) and ipc(2), where the first argument says
 * which one. @see `<linux/net.h>` SYS_*, `<linux/ipc.h>`
 */

interface Multiplexed {
  /** The call it goes through. */
  readonly via: "socketcall" | "ipc";
  /** The first argument of that. */
  readonly call: number;
}

function callsOf(via: Multiplexed["via"], calls: Record<string, number>): [string, Multiplexed][] {
  return Object.entries(calls).map(([name, call]) => [name, { via, call }]);
}

/** By name of the call that is meant. */
export const multiplexed: ReadonlyMap<string, Multiplexed> = new Map([
  ...callsOf("socketcall", {
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  }),
  ...callsOf("ipc", {
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  }),
]);
