// The API as the page calls it. The rule it protects: all that is known of it is the published document
// (openapi/milepost.json, as types); an answer that is no success is a `Failure`, and the clock that counts is the server's.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type Host = Schemas['Host'];
export type HostProgress = Schemas['HostProgress'];
export type Report = Schemas['Report'];
export type Session = Schemas['Session'];
export type ServiceStatus = Schemas['ServiceStatus'];
export type Signal = Schemas['Signal'];
export type StepProgress = Schemas['StepProgress'];
export type Build = Schemas['Build'];
export type Statistics = Schemas['Statistics'];
export type DayCount = Schemas['DayCount'];
export type Timings = Schemas['Timings'];
export type Step = Schemas['Step'];
export type StepInput = Schemas['StepInput'];
export type Workflow = Schemas['Workflow'];
export type WorkflowInput = Schemas['WorkflowInput'];
export type AuditEntry = Schemas['AuditEntry'];
export type Token = Schemas['Token'];
export type TokenInput = Schemas['TokenInput'];
export type Muted = Schemas['Muted'];
export type MuteInput = Schemas['MuteInput'];
export type FieldError = Schemas['FieldError'];
export type SearchField = Schemas['SearchField'];

/** A request that did not succeed. `status` 0: there was no answer at all. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    detail: string,
    /** Field by field, where values were at fault. */
    readonly errors: readonly FieldError[] = [],
  ) {
    super(detail);
  }
}

// Relative, so that it holds below the path of a reverse proxy.
const client = createClient<paths>({ baseUrl: '.', credentials: 'same-origin' });

let ahead = 0;

/** What the server's clock says, in milliseconds: a viewer's own may be minutes off, and ages would be wrong. */
export const serverNow = (): number => Date.now() + ahead;

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What was answered; `undefined` when it is what the caller has already (304). */
async function settle<T>(request: Promise<Answer<T>>): Promise<{ data: T; response: Response } | undefined> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Failure(0, error instanceof Error ? error.message : String(error));
  }
  const { data, error, response } = answer;
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header counts whole seconds; less than two is no difference.
  if (!Number.isNaN(date)) ahead = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (response.status === 304) return undefined;
  if (!response.ok || data === undefined) {
    const problem = error as Partial<Schemas['Problem']> | undefined;
    throw new Failure(response.status, problem?.detail ?? response.statusText, problem?.errors);
  }
  return { data, response };
}

async function body<T>(request: Promise<Answer<T>>): Promise<T> {
  const settled = await settle(request);
  if (!settled) throw new Failure(304, 'nothing has changed, and nothing was known');
  return settled.data;
}

export interface ListQuery {
  search?: string;
  order?: string;
  page?: number;
  per_page?: string;
}

export const getSession = (signal?: AbortSignal) => body(client.GET('/api/v2/session', { signal }));
export const getStatus = (signal?: AbortSignal) => body(client.GET('/api/v2/status', { signal }));

export const listBuilds = (query: ListQuery, signal?: AbortSignal) =>
  body(client.GET('/api/v2/builds', { params: { query }, signal }));

export const getBuild = (id: string, signal?: AbortSignal) =>
  body(client.GET('/api/v2/builds/{id}', { params: { path: { id } }, signal }));

export type Judgement = 'completed' | 'canceled';

/** Says of a build what somebody knows better. */
export const judgeBuild = (id: string, state: Judgement) =>
  body(client.PATCH('/api/v2/builds/{id}', { params: { path: { id } }, body: { state } }));

export const listHostBuilds = (host: string, query: ListQuery, signal?: AbortSignal) =>
  body(client.GET('/api/v2/hosts/{host}/builds', { params: { path: { host }, query }, signal }));

/** A host page, and the name of this very content for the next time; `undefined` when `etag` still names it. */
export async function getProgress(
  host: string,
  etag: string | undefined,
  signal?: AbortSignal,
): Promise<{ page: HostProgress; etag: string | undefined } | undefined> {
  const header = etag ? { 'If-None-Match': etag } : {};
  const request = client.GET('/api/v2/hosts/{host}/progress', { params: { path: { host }, header }, signal });
  const settled = await settle(request);
  return settled && { page: settled.data, etag: settled.response.headers.get('etag') ?? undefined };
}

export const REPORTS_PER_PAGE = 1000;

/** Reports in the order in which they were taken, from after the cursor of an earlier answer. */
export const listReports = (id: string, after: string | undefined, signal?: AbortSignal) =>
  body(
    client.GET('/api/v2/builds/{id}/reports', {
      params: { path: { id }, query: { after, per_page: String(REPORTS_PER_PAGE) } },
      signal,
    }),
  );

/** The log that came with a report. */
export const getLog = (report: Report, signal?: AbortSignal) =>
  body(
    client.GET('/api/v2/builds/{id}/reports/{report}/log', {
      params: { path: { id: report.build_id, report: report.id } },
      parseAs: 'text',
      signal,
    }),
  );

export const logUrl = (report: Report): string => `api/v2/builds/${report.build_id}/reports/${report.id}/log`;

export const getSearchFields = (signal?: AbortSignal) => body(client.GET('/api/v2/search_fields', { signal }));

export const getStatistics = (query: { from?: string; until?: string; search?: string }, signal?: AbortSignal) =>
  body(client.GET('/api/v2/statistics', { params: { query }, signal }));

/** All that was learned of how long steps take. */
export const listTimings = (signal?: AbortSignal) =>
  body(client.GET('/api/v2/timings', { params: { query: { per_page: 'all' } }, signal }));

/** The whole registry: it is small. */
export const listSteps = (signal?: AbortSignal) =>
  body(client.GET('/api/v2/steps', { params: { query: { per_page: 'all' } }, signal }));

export const putStep = (label: string, input: StepInput) =>
  body(client.PUT('/api/v2/steps/{label}', { params: { path: { label } }, body: input }));

export const deleteStep = (label: string, owner: string) =>
  body(client.DELETE('/api/v2/steps/{label}', { params: { path: { label }, query: { owner } } }));

export const listWorkflows = (signal?: AbortSignal) =>
  body(client.GET('/api/v2/workflows', { params: { query: { per_page: 'all' } }, signal }));

export const putWorkflow = (name: string, input: WorkflowInput) =>
  body(client.PUT('/api/v2/workflows/{name}', { params: { path: { name } }, body: input }));

export const deleteWorkflow = (name: string, owner: string) =>
  body(client.DELETE('/api/v2/workflows/{name}', { params: { path: { name }, query: { owner } } }));

export const listAudit = (query: ListQuery, signal?: AbortSignal) =>
  body(client.GET('/api/v2/audit', { params: { query }, signal }));

export const listTokens = (query: ListQuery, signal?: AbortSignal) =>
  body(client.GET('/api/v2/tokens', { params: { query }, signal }));

export const createToken = (input: TokenInput) => body(client.POST('/api/v2/tokens', { body: input }));

export const revokeToken = (id: string) =>
  body(client.DELETE('/api/v2/tokens/{id}', { params: { path: { id } } }));

export const createMute = (input: MuteInput) => body(client.POST('/api/v2/mutes', { body: input }));

export const deleteMute = (id: string) => body(client.DELETE('/api/v2/mutes/{id}', { params: { path: { id } } }));
