/** The manager of systemd on D-Bus (org.freedesktop.systemd1(5)). */
import { HutchError } from "../linux/error.ts";
import { type SocketName, socketsOf } from "./address.ts";
import { type Connection, openConnection, type Reply } from "./connection.ts";
import type { Property, Value } from "./value.ts";

const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" } as const;
const NAME = "org.freedesktop.systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const OBJECT = { destination: NAME, path: "/org/freedesktop/systemd1" } as const;

/** So long may systemd take for one job, as runc waits. */
const JOB_MS = 30_000;

export interface Systemd {
  /** Starts a transient unit, and waits until it has started. Throws HutchError. */
  readonly start: (unit: string, properties: readonly Property[]) => void;
  /** Stops a unit, waits until it has stopped, and lets systemd forget that it failed; it may be gone. */
  readonly stop: (unit: string) => void;
  /** Changes properties until the next boot. Throws HutchError. */
  readonly set: (unit: string, properties: readonly Property[]) => void;
  /** A property of the manager, as text. */
  readonly property: (name: string) => string;
  readonly close: () => void;
}

/** What of the environment says where the buses are. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Place extends SocketName {
  /** Behind it is a bus, where systemd is one of many. */
  readonly isBus: boolean;
}

const direct = (path: string): Place => ({ path, isAbstract: false, isBus: false });
const bus = (name: SocketName): Place => ({ ...name, isBus: true });

/** Where systemd may be found: its own socket first, which needs no bus; of the system, or of the user. */
export function placesOf(isUser: boolean, env: Environment): Place[] {
  if (!isUser) {
    const buses = socketsOf(env["DBUS_SYSTEM_BUS_ADDRESS"] ?? "unix:path=/run/dbus/system_bus_socket");
    return [direct("/run/systemd/private"), ...buses.map(bus)];
  }
  const { XDG_RUNTIME_DIR: runtime, DBUS_SESSION_BUS_ADDRESS: address = "" } = env;
  const own = runtime?.startsWith("/") === true;
  return [
    ...(own ? [direct(`${runtime}/systemd/private`)] : []),
    ...socketsOf(address).map(bus),
    ...(own ? [bus({ path: `${runtime}/bus`, isAbstract: false })] : []),
  ];
}

const HINTS: Readonly<Record<string, string>> = {
  system: "is systemd running? with another init: --cgroup-manager=cgroupfs",
  user: "is there a user manager (loginctl enable-linger USER), and $XDG_RUNTIME_DIR set? otherwise: --cgroup-manager=cgroupfs",
};

/** Connects to the first place that answers. */
function connectTo(places: readonly Place[], which: string): { place: Place; connection: Connection } {
  let cause: unknown;
  for (const place of places) {
    try {
      return { place, connection: openConnection(place) };
    } catch (error) {
      if (!(error instanceof HutchError)) throw error;
      // The socket of systemd itself tells more than that of a bus, which may be missing for its own reasons.
      cause ??= error;
    }
  }
  throw new HutchError({
    operation: `reach systemd of the ${which}`,
    reason: cause instanceof HutchError ? cause.message : "XDG_RUNTIME_DIR is not set",
    hint: HINTS[which],
    cause,
  });
}

/** The manager of the system, or the user's own. Throws HutchError when there is none. */
export function openSystemd(isUser: boolean, env: Environment): Systemd {
  const which = isUser ? "user" : "system";
  const { place, connection } = connectTo(placesOf(isUser, env), which);
  try {
    if (place.isBus) joinBus(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  return managerOn(connection);
}

/** On a bus a name is needed, and signals come to those alone who asked for them. */
function joinBus(connection: Connection): void {
  const rule = `type='signal',interface='${MANAGER}',member='JobRemoved'`;
  const ask = (member: string, signature = "", ...body: readonly Value[]): void => {
    const call = { ...BUS, interface: BUS.destination, member, signature, body };
    must(`${member} on ${connection.path}`, connection.call(call));
  };
  ask("Hello");
  ask("AddMatch", "s", rule);
  must("subscribe to systemd", connection.call({ ...OBJECT, interface: MANAGER, member: "Subscribe" }));
}

/** What a call returned; throws its error otherwise. */
function must(operation: string, reply: Reply, hint?: string): readonly Value[] {
  if ("body" in reply) return reply.body;
  throw new HutchError({ operation, reason: `${reply.text} (${reply.error})`, hint });
}

const GONE = `${NAME}.NoSuchUnit`;
const EXISTS = `${NAME}.UnitExists`;

const START_HINTS: Readonly<Record<string, string>> = {
  [EXISTS]: "another container has this name: hutch list, systemctl status",
  "org.freedesktop.DBus.Error.PropertyReadOnly":
    "this systemd does not know the property, or not for a scope",
  "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
    "this user may not ask the system's manager; as root, or with a user manager",
};

/** The properties as StartTransientUnit and SetUnitProperties take them. */
const listed = (properties: readonly Property[]): Value[][] =>
  properties.map(([name, value]) => [name, value]);

function managerOn(connection: Connection): Systemd {
  const ask = (member: string, signature: string, ...body: readonly Value[]): Reply =>
    connection.call({ ...OBJECT, interface: MANAGER, member, signature, body });
  /** Waits for a job; what came of it: "done", "failed", "canceled", "timeout", "dependency" or "skipped". */
  const awaitJob = (operation: string, [job]: readonly Value[]): string => {
    const removed = connection.awaitSignal(
      ({ member, body }) => member === "JobRemoved" && body[1] === job,
      JOB_MS,
    );
    if (removed !== undefined) return `${removed.body[3]}`;
    throw new HutchError({ operation, reason: `its job has not ended within ${JOB_MS / 1000} s` });
  };
  const reset = (unit: string): Reply => ask("ResetFailedUnit", "s", unit);
  return {
    start: (unit, properties) => {
      const operation = `start the transient unit ${unit}`;
      const attempt = (): Reply =>
        ask("StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "replace", listed(properties), []);
      let reply = attempt();
      // What is left of one that failed keeps its name until it is reset.
      if ("error" in reply && reply.error === EXISTS && "body" in reset(unit)) reply = attempt();
      const hint = "error" in reply ? START_HINTS[reply.error] : undefined;
      const result = awaitJob(operation, must(operation, reply, hint));
      if (result === "done") return;
      reset(unit);
      throw new HutchError({ operation, reason: `its job ended: ${result}`, hint: `journalctl -u ${unit}` });
    },
    stop: (unit) => {
      const operation = `stop the unit ${unit}`;
      const reply = ask("StopUnit", "ss", unit, "replace");
      if (!("error" in reply && reply.error === GONE)) awaitJob(operation, must(operation, reply));
      // Whatever it answers: as a rule there is nothing to forget, because the unit is gone.
      reset(unit);
    },
    set: (unit, properties) => {
      const reply = ask("SetUnitProperties", "sba(sv)", unit, true, listed(properties));
      must(`set properties of the unit ${unit}`, reply);
    },
    property: (name) => {
      const call = { ...OBJECT, interface: "org.freedesktop.DBus.Properties", member: "Get" };
      const body = must(
        `ask systemd for ${name}`,
        connection.call({ ...call, signature: "ss", body: [MANAGER, name] }),
      );
      const [variant] = body;
      return typeof variant === "object" && "value" in variant ? `${variant.value}` : "";
    },
    close: connection.close,
  };
}
