/** Annotations that set properties of the unit: org.systemd.property.NAME (runc's docs/systemd.md). */
import { parseVariant } from "../dbus/gvariant.ts";
import { type Property, TypeMismatch, type Variant } from "../dbus/value.ts";
import { HutchError } from "../linux/error.ts";

const PREFIX = "org.systemd.property.";
/** Seconds, as unit files have them; on D-Bus the property has microseconds. */
const SECONDS = /[a-z]Sec$/;
const MICROSECONDS = 1_000_000;

/** The signatures of numbers. */
const NUMBERS = "ynqiuxtd";

function microseconds({ signature, value }: Variant): Variant {
  const seconds = Number(value);
  if (!NUMBERS.includes(signature) || !(seconds >= 0)) throw new TypeMismatch("expected a number of seconds");
  return { signature: "t", value: `${BigInt(Math.round(seconds * MICROSECONDS))}` };
}

function propertyOf(name: string, text: string): Property {
  if (!/^[A-Za-z]{3,}$/.test(name))
    throw new TypeMismatch("expected a name of at least three letters, A-Z and a-z");
  const variant = parseVariant(text);
  return SECONDS.test(name) ? [name.replace(/Sec$/, "USec"), microseconds(variant)] : [name, variant];
}

/** The properties that annotations ask for. Throws HutchError for a name or value that cannot be one. */
export function annotatedProperties(annotations: Readonly<Record<string, string>> = {}): Property[] {
  return Object.entries(annotations).flatMap(([key, text]): Property[] => {
    if (!key.startsWith(PREFIX)) return [];
    try {
      return [propertyOf(key.slice(PREFIX.length), text)];
    } catch (cause) {
      if (!(cause instanceof TypeMismatch)) throw cause;
      const operation = `annotations: ${key}=${text}`;
      const hint = "uint64 5, 'text', true or ['a', 'b']: see GVariant text format";
      throw new HutchError({ operation, reason: cause.message, hint, cause });
    }
  });
}
