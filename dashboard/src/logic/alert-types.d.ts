// Served by the monitor beside the page: the unit of each alert type in English and Korean.
export const UNITS: Record<string, readonly [english: string, korean: string]>;
