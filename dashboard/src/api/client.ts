// Asks the monitor. Every failure is an ApiError with the code of the problem; addresses are relative to the page.

import createClient from "openapi-fetch";
import { fetched } from "./early";
import type { paths } from "./schema";

const TIMEOUT_MS = 15_000; // longer than a worker waits for another one

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    detail: string,
    readonly retryAfterSeconds: number | null = null,
    readonly line: number | null = null,
  ) {
    super(detail);
  }
}

const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

export const api = createClient<paths>({ baseUrl: base, fetch: fetched });

type Answered<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

interface ProblemShape {
  code?: string;
  detail?: string;
  retry_after_seconds?: number;
  errors?: { detail: string; line?: number }[];
}

/** The body of a good answer; otherwise throws ApiError. */
export async function ok<T>(asked: Answered<T>): Promise<T> {
  let answer;
  try {
    answer = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "no_answer", "");
  }
  const { data, error, response } = answer;
  if (response.ok && data !== undefined) return data;
  const problem: ProblemShape = error && typeof error === "object" ? error : {};
  const line = problem.errors?.find((found) => found.line !== undefined)?.line ?? null;
  throw new ApiError(response.status, problem.code ?? `http_${response.status}`, problem.detail ?? response.statusText, problem.retry_after_seconds ?? null, line);
}

/** Ends a request that takes too long, or that nobody waits for any more. */
export const within = (signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, limit]) : limit;
};
