/**
 * A pseudo-terminal of the container's own. Init opens it in the container's devpts, so that its name is true
 * there, and hands the master to the launcher (SCM_RIGHTS), which relays between it and the caller's streams.
 */
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOCTTY, O_RDWR } from "../linux/fcntl.ts";
import { TIOCGPTPEER, TIOCSCTTY, TIOCSPTLCK, TIOCSWINSZ } from "../linux/ioctl.ts";
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../linux/mount.ts";
import { AF_UNIX } from "../linux/socket.ts";
import type { Process } from "../spec/spec.ts";
import { buffer, bytes, call, load, set, slot, store, struct } from "./build.ts";
import type { Context } from "./context.ts";
import { controlDescriptor } from "./creator-control.ts";
import { ROOT } from "./root.ts";
import type { Buffer, Slot, Step, Struct } from "./step.ts";
import { moveOnto, openInRoot, openTarget } from "./target.ts";
import { copyWindow } from "./window.ts";

const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** CMSG_LEN(4) and CMSG_SPACE(4) on 64-bit machines. */
const CMSG_LEN = 20;
const CMSG_SPACE = 24;

const PAIR = buffer("socket pair", 8);
const OURS = slot("launcher's socket");
const THEIRS = slot("init's socket");
const SLAVE = slot("terminal");
const MASTER = slot("master");

const OPEN_FLAGS = O_RDWR | O_NOCTTY | O_CLOEXEC;

/**
 * struct msghdr with one byte to carry, in memory that the kernel may write to: recvmsg(2) fills in what it
 * found.
 */
const HEADER = buffer("msghdr", 56);
/** struct cmsghdr and one descriptor behind it. */
const CONTROL = buffer("control message", CMSG_SPACE);
const CONTROL_FD = 16;

function fillHeader(): Step[] {
  const vector = buffer("iovec", 16);
  const at = slot("address");
  const pointer = (to: Buffer, offset: number, target: Buffer): Step[] => [
    set(at, target),
    store(to, offset, 8, at),
  ];
  return [
    ...pointer(vector, 0, buffer("message byte", 8)),
    store(vector, 8, 8, 1),
    ...pointer(HEADER, 16, vector),
    store(HEADER, 24, 8, 1),
    ...pointer(HEADER, 32, CONTROL),
    store(HEADER, 40, 8, CMSG_SPACE),
  ];
}

/** In the launcher, before the clone. */
export const openTerminalChannel = (): Step[] => [
  call("a channel for the terminal", "socketpair", [AF_UNIX, SOCK_STREAM_CLOEXEC, 0, PAIR]),
  load(OURS, PAIR, 0, 4),
  load(THEIRS, PAIR, 4, 4),
];

/**
 * In the launcher, after the clone: the master into `MASTER`; goes on at `gone` when init died before sending
 * it.
 */
export function receiveMaster(gone: string): Step[] {
  const got = slot("received");
  const why = "receive the container's terminal";
  return [
    call(why, "close", [THEIRS]),
    ...fillHeader(),
    call(why, "recvmsg", [OURS, HEADER, MSG_CMSG_CLOEXEC], {
      into: got,
      errors: { EINTR: "retry" },
    }),
    call(why, "close", [OURS]),
    { kind: "branch", left: got, is: "le", right: 0, to: gone },
    load(MASTER, CONTROL, CONTROL_FD, 4),
  ];
}

export { MASTER, THEIRS };

const winsize = (rows: number, columns: number): Struct =>
  struct("winsize", [
    ["ws_row", 2, rows],
    ["ws_col", 2, columns],
    ["ws_xpixel", 2, 0],
    ["ws_ypixel", 2, 0],
  ]);

/**
 * In init, once the container's devpts is mounted: opens the pair, binds /dev/console, sends the master
 * out.
 */
export const openTerminal = (context: Context, process: Process): Step[] => [
  ...openPair(process),
  ...bindConsole(context),
  ...(relaysTerminal(context) ? sendRelayed() : sendMaster(channel(context))),
];

/** Opens a pair in the devpts below `ROOT`. */
export function openPair(process: Process): Step[] {
  const why = "open a terminal in the container's devpts";
  const hints = { ENOENT: "a terminal needs a devpts mounted on /dev/pts" };
  const { consoleSize } = process;
  return [
    openInRoot(why, ROOT, "/dev/pts/ptmx", MASTER, { flags: OPEN_FLAGS, hints }),
    call(why, "ioctl", [MASTER, TIOCSPTLCK, bytes(new Uint8Array(4), "unlocked")]),
    // By the master's descriptor, not by name: a name could be another file by now.
    call(why, "ioctl", [MASTER, TIOCGPTPEER, OPEN_FLAGS], { into: SLAVE }),
    ...(consoleSize === undefined
      ? []
      : [
          call(`make it ${consoleSize.width} columns wide and ${consoleSize.height} lines high`, "ioctl", [
            MASTER,
            TIOCSWINSZ,
            winsize(Number(consoleSize.height), Number(consoleSize.width)),
          ]),
        ]),
  ];
}

/** Sends a descriptor over a socket. */
export const sendDescriptor = (why: string, socket: Slot | number, descriptor: Slot): Step[] => [
  ...fillHeader(),
  store(CONTROL, 0, 8, CMSG_LEN),
  store(CONTROL, 8, 4, SOL_SOCKET),
  store(CONTROL, 12, 4, SCM_RIGHTS),
  store(CONTROL, CONTROL_FD, 4, descriptor),
  call(why, "sendmsg", [socket, HEADER, 0]),
];

export const sendMaster = (socket: Slot | number): Step[] =>
  sendDescriptor("hand the terminal out", socket, MASTER);

/**
 * To the launcher that will relay. The size is set on this side, because the command may ask for it before
 * the launcher has got the terminal; of later changes SIGWINCH tells, which waits until the launcher looks.
 */
export const sendRelayed = (): Step[] => [...copyWindow(MASTER, "window copied"), ...sendMaster(THEIRS)];

/** True when the launcher relays between the terminal and the caller's streams. */
export const relaysTerminal = ({ launch, spec }: Context): boolean =>
  spec.process?.terminal === true && (!launch.creates || launch.supervises);

/** The console socket that `create` was given. */
const channel = (context: Context): number => controlDescriptor(context.launch.preserveFds, "console");

function bindConsole(context: Context): Step[] {
  const why = "bind the terminal on /dev/console";
  const node: Slot = slot("console");
  const target = slot("target");
  return [
    call(why, "open_tree", [SLAVE, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH], { into: node }),
    ...openTarget(context, why, ROOT, { path: "/dev/console", kind: "file", into: target, tag: why }),
    moveOnto(why, node, target),
  ];
}

/** In init, as leader of its session: the terminal becomes the controlling one and the standard streams. */
export function attachTerminal(process: Process): Step[] {
  const why = "make the terminal the standard streams";
  return [
    call("make the terminal the controlling one", "ioctl", [SLAVE, TIOCSCTTY, 0]),
    call("give the terminal to the user", "fchownat", [SLAVE, "", process.user?.uid ?? 0, -1, AT_EMPTY_PATH]),
    ...[0, 1, 2].map((stream) => call(why, "dup3", [SLAVE, stream, 0])),
  ];
}
