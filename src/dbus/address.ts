/** Where a bus listens (D-Bus Specification, "Server Addresses"). */

/** A unix socket: a path, or a name of the abstract namespace (unix(7)). */
export interface SocketName {
  readonly path: string;
  readonly isAbstract: boolean;
}

/** `%2f` and the like as bytes; undefined when that is no UTF-8. */
function unescapeValue(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function unixOf(address: string): SocketName | undefined {
  const [transport, rest = ""] = address.split(/:(.*)/s);
  if (transport !== "unix") return undefined;
  for (const pair of rest.split(",")) {
    const [key, value = ""] = pair.split(/=(.*)/s);
    const path = unescapeValue(value);
    if (!path || (key !== "path" && key !== "abstract")) continue;
    return { path, isAbstract: key === "abstract" };
  }
  return undefined;
}

/** The unix sockets of a list of addresses, in its order; other transports are passed over. */
export const socketsOf = (addresses: string): SocketName[] =>
  addresses.split(";").flatMap((address) => unixOf(address) ?? []);
