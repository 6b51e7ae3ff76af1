// Numbers, moments and durations as people read them. Pure: language, zone and now are arguments.

export type Language = "en" | "ko";
export type Zone = "local" | "UTC" | "Asia/Seoul";

/** Both languages write it alike. Making an Intl.NumberFormat takes a slow processor longer than drawing the first view. */
function written(value: number): string {
  const [whole = "", part] = String(value).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part ? `${grouped}.${part}` : grouped;
}

export const count = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : written(value));

/** Percent in at most two decimals, but never rounded up to 100 or down to 0. */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const rounded = Math.round(value * 100) / 100;
  return `${written(rounded === 100 && value < 100 ? 99.99 : rounded === 0 && value > 0 ? 0.01 : rounded)} %`;
}

export function seconds(value: number | null | undefined, language: Language): string {
  if (value === null || value === undefined) return "–";
  const digits = (many: number) => written(Number(many.toPrecision(3)));
  if (value < 1) return `${digits(value * 1000)} ms`;
  return language === "ko" ? `${digits(value)}초` : `${digits(value)} s`;
}

/** As few digits as keep a value different from its threshold where it differs: 1.004 is not "1". */
export function apart(value: number, other: number): string {
  for (let digits = 3; digits < 17; digits += 1) {
    const text = String(Number(value.toPrecision(digits)));
    if (value === other || Number(text) !== other) return text;
  }
  return String(value);
}

const cache = new Map<string, Intl.DateTimeFormat>();

const timeZone = (zone: Zone): string | undefined => (zone === "local" ? undefined : zone);

function parts(at: number, language: Language, zone: Zone, kind: "full" | "day" | "clock"): string {
  const options: Record<typeof kind, Intl.DateTimeFormatOptions> = {
    full: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    day: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
    clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  };
  const make = () => new Intl.DateTimeFormat(language, { ...options[kind], hourCycle: "h23", timeZone: timeZone(zone) });
  const key = `${language}${zone}${kind}`;
  const format = cache.get(key) ?? make();
  cache.set(key, format);
  return format.format(at);
}

export const clock = (at: number, language: Language, zone: Zone): string => parts(at, language, zone, "clock");
/** The beginning of the clock: making a format of its own takes longer than drawing all that it is used for. */
export const minute = (at: number, language: Language, zone: Zone): string => clock(at, language, zone).slice(0, 5);
export const dayAndMinute = (at: number, language: Language, zone: Zone): string => parts(at, language, zone, "day");
export const full = (at: number, language: Language, zone: Zone): string => parts(at, language, zone, "full");

const UNITS: [number, string, string][] = [
  [86_400, "d", "일"],
  [3600, "h", "시간"],
  [60, "min", "분"],
  [1, "s", "초"],
];

/** The two largest units: "2 h 5 min". */
export function duration(wholeSeconds: number, language: Language): string {
  let left = Math.max(0, Math.round(wholeSeconds));
  const said: string[] = [];
  for (const [size, english, korean] of UNITS) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many) said.push(language === "ko" ? `${many}${korean}` : `${many} ${english}`);
    else if (said.length) break;
    if (said.length === 2) break;
  }
  return said.join(" ") || (language === "ko" ? "0초" : "0 s");
}

/** "5 min ago", "in 2 h". */
export function relative(at: number, now: number, language: Language): string {
  const away = (at - now) / 1000;
  if (Math.abs(away) < 5) return language === "ko" ? "지금" : "now";
  const [first] = UNITS.filter(([size]) => Math.abs(away) >= size);
  const [size, english, korean] = first ?? [1, "s", "초"];
  const many = Math.round(Math.abs(away) / size);
  if (language === "ko") return `${many}${korean} ${away < 0 ? "전" : "후"}`;
  return away < 0 ? `${many} ${english} ago` : `in ${many} ${english}`;
}

/** What an input of a date and a time holds: the wall clock of this browser, to the minute. */
export function localInput(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
