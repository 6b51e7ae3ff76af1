// What the monitor serves beside the page.
export const UNITS = { HIGH_FAILURE_RATE: ["{0} %", "{0} %"], SLOW_CREATION: ["{0} s", "{0}초"], INTEGRITY_VIOLATION: ["findings: {0}", "발견 {0}건"] };
