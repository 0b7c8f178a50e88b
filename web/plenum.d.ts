// SPDX-License-Identifier: Apache-2.0
//
// plenum.d.ts: the types of plenum.js (and, under the name plenum.d.mts, of plenum.mjs). What things mean is in
// docs/CLIENT.md; a test compiles programs against this file, and holds it against what the module really has.
//
// What others say is `unknown`: it comes from their programs, not from yours, so look at it before you use it.

/** Anything that JSON can carry, or bytes (ArrayBuffer, Uint8Array, another view). `undefined` is not among it. */
export type Sendable = {} | null;

/** Whatever the module throws or rejects with. */
export class PlenumError extends Error {
  constructor(code: string, message: string, reply?: Message);
  readonly name: 'PlenumError';
  /** One of the protocol's codes, or of the module's own: see docs/CLIENT.md. */
  readonly code: string;
  /** How long to wait before the same command can succeed. */
  readonly retry_ms: number | undefined;
  /** The server's error message, where there was one. */
  readonly reply: Message | undefined;
}

// ---- what the server says ---------------------------------------------------------------------------------------

/** Any message of the protocol. */
export interface Message {
  type: string;
  id?: number | string;
  [key: string]: unknown;
}

export type Role = 'guest' | 'member' | 'host' | 'owner';

/** A place in a room's log. */
export interface Position {
  epoch: string;
  offset: number;
}

export interface Author {
  user: string;
  session: string;
  name: string;
  /** What their token says of them to others, if anything. */
  info?: unknown;
}

export interface Member {
  user: string;
  name: string;
  role: Role;
  connected: boolean;
  joined_at: number;
  last_active: number;
  sessions: number;
  /** What their token says of them to others, if anything. */
  info?: unknown;
}

export interface Welcome {
  type: 'welcome';
  session: string;
  user: string;
  name: string;
  resume: string;
  heartbeat_s: number;
  limits: { message_bytes: number; rooms: number; messages_per_s: number };
  server: string;
  version: string;
}

export interface Joined {
  type: 'joined';
  room: string;
  epoch: string;
  offset: number;
  role: Role;
  /** Absent in the answer to joining a room that one is in already. */
  members_count?: number;
  members?: Member[];
  state?: Record<string, unknown>;
  state_version?: number;
  /** Only those speak who may set it. */
  readonly?: boolean;
  /** Nobody new comes in. */
  locked?: boolean;
  /** Seconds between two messages of one member. */
  slow_s?: number;
  /** One may not speak: until `muted_until`, in milliseconds since 1970, or for ever. */
  muted?: boolean;
  muted_until?: number;
  /** One has read up to here, by `read`, and so many messages are behind it. */
  read?: number;
  unread?: number;
  recovered?: boolean;
  left?: string;
}

export interface Left {
  type: 'left';
  room: string;
  /** Why, when it was not our wish. */
  reason?: string;
  /** Who sent us away, and what they said about it. */
  by?: { user: string; name: string };
  note?: string;
  error?: PlenumError;
}

export interface Ack {
  type: 'ack';
  room: string;
  offset: number;
  epoch: string;
  duplicate?: boolean;
}

export interface DirectAck {
  type: 'ack';
  /** How many sessions were reached; 0: the user is not online, and nothing was kept. */
  delivered: number;
  duplicate?: boolean;
}

export interface Renamed {
  type: 'renamed';
  name: string;
  resume: string;
}

/** Live as it is said; in a history, and in what follows a join, as it is now. */
export interface RoomMessage {
  type: 'message';
  room: string;
  offset: number;
  time: number;
  from: Author;
  /** Absent: it has been deleted. */
  data?: unknown;
  deleted?: boolean;
  /** When its words were changed last, milliseconds since 1970, and by the record of which offset. */
  edited?: number;
  version?: number;
  /** The offset of the message that it answers, and how many answer it. */
  reply_to?: number;
  replies?: number;
  /** How many users have reacted with each. */
  reactions?: Record<string, number>;
}

interface Change {
  room: string;
  /** Of this record. */
  offset: number;
  time: number;
  from?: Author;
  /** The offset of the message. */
  target: number;
}

export interface MessageEdited extends Change {
  type: 'message:edited';
  data: unknown;
  /** Where data are bytes, a Uint8Array: what they are. */
  content_type?: string;
}

export interface MessageDeleted extends Change {
  type: 'message:deleted';
  reason?: string;
}

export interface MessageReactions extends Change {
  type: 'message:reactions';
  key: string;
  /** Given, or taken back. */
  on: boolean;
  /** How many users react so by now. */
  count: number;
}

export interface MemberEvent {
  type: 'member:joined' | 'member:left' | 'member:changed';
  room: string;
  /** The offset that it came behind. */
  after: number;
  time: number;
  member: Member;
  /** After a rename: by which name he was known. */
  previous_name?: string;
}

/** Of an invitation to a room: how often, for how many seconds or until when (ms since 1970), as what. */
export interface InviteOptions {
  uses?: number;
  ttl_s?: number;
  expires?: number;
  role?: Role;
}

export interface Created {
  room: string;
  offset: number;
  epoch: string;
  /** What you are there, where that is more than others are. */
  role?: Role;
  rule?: string;
}

export interface Invited {
  room: string;
  offset: number;
  epoch: string;
  /** Its id, by which it is taken back. */
  invitation: string;
  /** For whoever is to come in, as `token` of a join. It is told this once. */
  token: string;
  role: Role;
  uses: number;
  expires: number;
}

export interface Invitation {
  invitation: string;
  role: Role;
  uses: number;
  left: number;
  expires: number;
  /** The user id of who has made it. */
  by: string;
}

/** What those who may have decided about somebody, or about the room. Without `from` it was the server. */
export interface Decree {
  type: 'member:role' | 'member:kicked' | 'member:banned' | 'member:unbanned' | 'member:muted' | 'member:unmuted' |
    'room:created' | 'room:changed' | 'room:closed' | 'invitation:made' | 'invitation:ended' | 'member:admitted';
  room: string;
  offset: number;
  time: number;
  from?: Author;
  /** Whom it is about, and what they were called. */
  user?: string;
  name?: string;
  role?: Role;
  /** When it ends, milliseconds since 1970; absent: it does not. */
  until?: number;
  reason?: string;
  /** Of `room:created`: by which of the operator's rules; absent: by the one of its name. */
  rule?: string;
  /** Of `room:changed`: what is different now. */
  slow_s?: number;
  readonly?: boolean;
  locked?: boolean;
  /** Of what has to do with an invitation: its id, and how often it may be used. */
  invitation?: string;
  uses?: number;
}

export interface DecreeOptions {
  /** For so long; without it, for ever. */
  seconds?: number;
  /** Everybody in the room is told. */
  reason?: string;
}

/** A key of the room's shared state has changed. Those of one change have the same offset and version. */
export interface StateUpdated {
  type: 'state:updated';
  room: string;
  offset: number;
  time: number;
  from?: Author;
  key: string;
  /** Absent: the key is gone. */
  value?: unknown;
  version: number;
}

/** All of the shared state was read anew, as changes may have been missed. */
export interface Shared {
  type: 'shared';
  room: string;
  state: Readonly<Record<string, unknown>>;
  version: number;
}

export interface StateReply {
  type: 'state';
  room: string;
  version: number;
  state: Record<string, unknown>;
  versions: Record<string, number>;
}

export interface StateAck extends Ack {
  /** Of the state, behind the change. */
  version: number;
}

export interface StateOptions {
  /** Keys that are to go. */
  unset?: string[];
  /** A merge patch (RFC 7396) of the state as a whole. */
  merge?: Record<string, unknown>;
  /** Only if the state is of this version; or only if these keys are, 0 = only if they are not there. */
  if_version?: number | Record<string, number>;
}

export interface MembersCount {
  type: 'members:count';
  room: string;
  after: number;
  count: number;
}

/** A passing word of a member: typing, a cursor. */
export interface Signal {
  type: 'signal';
  room: string;
  after: number;
  from: Author;
  data: unknown;
  /** Where data are bytes, a Uint8Array: what they are. */
  content_type?: string;
}

/** Somebody has read up to `offset`: told where the room's rule says so (`rooms.receipts`), of one's other sessions as well. */
export interface Read {
  type: 'read';
  room: string;
  after: number;
  from: Author;
  offset: number;
}

export interface Direct {
  type: 'direct';
  from: Author;
  time: number;
  data: unknown;
  /** Where data are bytes, a Uint8Array: what they are. */
  content_type?: string;
}

/** The session's token ends in so many seconds. */
export interface TokenExpiring {
  type: 'token_expiring';
  expires_in: number;
}

/** The session goes on with another token, which ends in so many seconds. */
export interface TokenRefreshed {
  expires_in: number;
}

export interface Drain {
  type: 'drain';
  reconnect_ms: number;
}

/** These offsets will not come, and so many passing things will not; after those, ask for the members anew. */
export interface Gap {
  type: 'gap';
  room: string;
  /** Absent, both, where nothing was said that is missing. */
  from?: number;
  to?: number;
  passing?: number;
  /** `missing` is the module's own finding: it saw a hole. `conflated`: each has a newer message with its conflation key. */
  reason: 'slow' | 'trimmed' | 'conflated' | 'missing';
}

/** What a history holds. */
export type Entry = RoomMessage | MessageEdited | MessageDeleted | MessageReactions | Decree | StateUpdated;

export interface MembersPage {
  type: 'members';
  room: string;
  members: Member[];
  next?: string;
}

export interface HistoryPage {
  type: 'history';
  room: string;
  /** Of the numbering that the offsets belong to. */
  epoch: string;
  /** With `since` only: false says that the log does not hold all that came after it, and nothing is given. */
  recovered?: boolean;
  history: Entry[];
}

export interface RoomsPage {
  type: 'rooms';
  /** `unread`: messages behind what one has read of it, in rooms of which one has. */
  rooms: { room: string; members_count: number; unread?: number }[];
  next?: string;
}

export interface Pong {
  type: 'pong';
  time: number;
  rtt_ms: number;
}

// ---- what the module says ---------------------------------------------------------------------------------------

export type ClientState = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

export interface StateEvent {
  state: ClientState;
  previous: ClientState;
  /** While waiting: when the next attempt starts, ms since 1970. */
  retry_at?: number;
  attempt?: number;
  resumed?: boolean;
  /** Waiting: the WebSocket's close code. Closed: the code of `error`. */
  code?: number | string;
  reason?: string;
  /** Why an attempt before the first welcome failed, and why the client is closed. */
  error?: PlenumError;
}

/** The position could not be resumed, or the room goes on in another epoch while one is in it: read the history again. */
export interface Reset {
  type: 'reset';
  room: string;
  epoch: string;
  offset: number;
  /** false: the room is a new one; throw away what you show. */
  same_epoch: boolean;
}

export interface RoomEvents {
  'joined': Joined;
  'left': Left;
  'message': RoomMessage;
  'message:edited': MessageEdited;
  'message:deleted': MessageDeleted;
  'message:reactions': MessageReactions;
  'member:role': Decree;
  'member:kicked': Decree;
  'member:banned': Decree;
  'member:unbanned': Decree;
  'member:muted': Decree;
  'member:unmuted': Decree;
  /** Somebody has made the room by `create`; `user`, if there is one, is `role` in it by that. */
  'room:created': Decree;
  /** A setting of the room is another one: it alone is there, of `slow_s`, `readonly` and `locked`. */
  'room:changed': Decree;
  'room:closed': Decree;
  'invitation:made': Decree;
  'invitation:ended': Decree;
  /** Somebody has come in by an invitation, and has its role. */
  'member:admitted': Decree;
  'member:joined': MemberEvent;
  'member:left': MemberEvent;
  'member:changed': MemberEvent;
  'members:count': MembersCount;
  'signal': Signal;
  'read': Read;
  'state:updated': StateUpdated;
  'shared': Shared;
  'gap': Gap;
  'reset': Reset;
  '*': unknown;
}

export interface ClientEvents extends RoomEvents {
  'state': StateEvent;
  'session': Welcome & { resumed: boolean };
  'renamed': Renamed;
  'replaced': { code: number; reason: string };
  'disconnected': { code: number; reason: string };
  'direct': Direct;
  'drain': Drain;
  'token_expiring': TokenExpiring;
  'token_refreshed': TokenRefreshed;
  'error': PlenumError;
}

declare class Emitter<Events> {
  /** Returns a function that removes the handler. */
  on<Type extends keyof Events & string>(type: Type, fn: (event: Events[Type], type: string) => void): () => void;
  once<Type extends keyof Events & string>(type: Type, fn: (event: Events[Type]) => void): () => void;
  off<Type extends keyof Events & string>(type: Type, fn: (event: Events[Type], type: string) => void): void;
}

// ---- options ----------------------------------------------------------------------------------------------------

/** A JWT, or what gets one: asked for each connection, and when the one there is about to end. */
export type Token = string | (() => string | Promise<string>);

export interface JoinOptions {
  /** So many of the newest messages to begin with. */
  history?: number;
  /** Also bring the list of members. */
  members?: boolean;
  token?: Token;
  /** Continue after this place. */
  since?: Position;
}

export interface PublishOptions {
  key?: string;
  /** Of messages with the same one in a room, who falls behind needs the newest only. */
  conflate?: string;
  /** Also get one's own entry as an event. */
  echo?: boolean;
  /** The offset of the message that it answers. */
  replyTo?: number;
  /** What data are that are bytes, a media type; without it `application/octet-stream`. */
  contentType?: string;
}

export interface HistoryOptions {
  before?: number;
  since?: Position;
  limit?: number;
}

/** What the module uses of a WebSocket; the browser's, Node's and npm's `ws` fit. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: any) => any) | null;
  onmessage: ((event: any) => any) | null;
  onclose: ((event: any) => any) | null;
  onerror: ((event: any) => any) | null;
  send(data: any): void;
  binaryType?: any;
  close(code?: number): void;
}

export interface PlenumOptions {
  name?: string;
  token?: Token;
  /** Whose guest we are, or whose token we bring, where that does not say: a tenant's name. */
  tenant?: string;
  /** `resume` of an earlier client: come back as the same session. */
  resume?: string | null;
  WebSocket?: new (url: string, protocols: string[]) => WebSocketLike;
  /** What is spoken: 'json'; 'json.bytes', the same but for data that are bytes, which come as they are; or 'protobuf', all in fewer bytes. */
  encoding?: 'json' | 'json.bytes' | 'protobuf';
  protocol?: string;
  backoff_base_ms?: number;
  backoff_cap_ms?: number;
  stable_ms?: number;
  connect_timeout_ms?: number;
  max_attempts?: number;
  reply_timeout_ms?: number;
  pong_timeout_ms?: number;
  outbox_max?: number;
  requests_max?: number;
  window?: number;
  ahead_max?: number;
  retries_max?: number;
  random?: () => number;
}

// ---- the classes ------------------------------------------------------------------------------------------------

/** One room as this client sees it; got from `plenum.room(name)`. */
export class PlenumRoom extends Emitter<RoomEvents> {
  private constructor();
  readonly name: string;
  readonly state: 'out' | 'joining' | 'in';
  readonly epoch: string | null;
  readonly cursor: number | null;
  readonly role: Role | null;
  readonly readonly: boolean;
  readonly locked: boolean;
  readonly slow_s: number;
  /** What everybody in the room shares, kept up to date while one is in. */
  readonly shared: Readonly<Record<string, unknown>>;
  readonly shared_version: number;
  join(options?: JoinOptions): Promise<Joined>;
  leave(): Promise<Left>;
  publish(data: Sendable, options?: PublishOptions): Promise<Ack>;
  /** The same as `publish`. */
  send(data: Sendable, options?: PublishOptions): Promise<Ack>;
  /** True if it was sent. */
  signal(data: Sendable, options?: { contentType?: string }): boolean;
  members(options?: { limit?: number; after?: string }): Promise<MembersPage>;
  history(options?: HistoryOptions): Promise<HistoryPage>;
  /** What answers the message with that offset. */
  thread(offset: number, options?: HistoryOptions): Promise<HistoryPage>;
  /** What becomes of a message. They reject with `forbidden`, `not_found`, and `conflict` where it is of another version. */
  edit(offset: number, data: Sendable, options?: { ifVersion?: number; contentType?: string }): Promise<Ack>;
  delete(offset: number, options?: { reason?: string }): Promise<Ack>;
  /** `on` false takes it back. */
  react(offset: number, key: string, on?: boolean): Promise<Ack>;
  /** One has read all up to there. */
  read(offset: number): Promise<Ack>;
  /** All of it or nothing; rejects with `conflict` where `if_version` says so. */
  setState(set: Record<string, unknown> | null, options?: StateOptions): Promise<StateAck>;
  readState(): Promise<StateReply>;
  /** Decrees. They reject with `forbidden` where one may not. */
  setRole(user: string, role: Role): Promise<Ack>;
  kick(user: string, options?: { reason?: string }): Promise<Ack>;
  ban(user: string, options?: DecreeOptions): Promise<Ack>;
  unban(user: string): Promise<Ack>;
  mute(user: string, options?: DecreeOptions): Promise<Ack>;
  unmute(user: string): Promise<Ack>;
  /** 0: as many messages as one likes. */
  setSlow(seconds: number): Promise<Ack>;
  setReadonly(on: boolean): Promise<Ack>;
  /** Nobody new comes in. */
  setLocked(on: boolean): Promise<Ack>;
  /** Whoever joins with its token comes in. */
  invite(options?: InviteOptions): Promise<Invited>;
  uninvite(invitation: string): Promise<Ack>;
  /** Those that are open. */
  invites(): Promise<{ room: string; invitations: Invitation[] }>;
  /** Makes the room, where there is none yet, and does not come in. */
  create(options?: { rule?: string }): Promise<Created>;
  /** Everybody is out, and nobody comes in for a while. */
  close(options?: { reason?: string }): Promise<Ack>;
}

/** A connection to a Plenum server that keeps itself up. */
export class Plenum extends Emitter<ClientEvents> {
  constructor(url: string | URL, options?: PlenumOptions);
  readonly url: string;
  name: string | undefined;
  /** Who one says one is with the next hello; null: a guest. */
  token: Token | null;
  resume: string | null;
  readonly state: ClientState;
  readonly session: Welcome | null;
  readonly retry_at: number | null;

  connect(options?: { timeout_ms?: number }): Promise<Welcome>;
  close(): void;
  reconnectNow(): void;
  rename(name: string): Promise<Renamed>;
  refresh(token: string): Promise<{ expires_in: number; resume: string }>;
  restart(options?: { name?: string; token?: Token | null }): void;

  room(name: string): PlenumRoom;
  join(room: string, options?: JoinOptions): Promise<Joined>;
  leave(room: string): Promise<Left>;
  switch(from: string, to: string, options?: JoinOptions): Promise<Joined>;
  publish(room: string, data: Sendable, options?: PublishOptions): Promise<Ack>;
  signal(room: string, data: Sendable, options?: { contentType?: string }): boolean;
  direct(user: string, data: Sendable, options?: { key?: string; contentType?: string }): Promise<DirectAck>;

  members(room: string, options?: { limit?: number; after?: string }): Promise<MembersPage>;
  history(room: string, options?: HistoryOptions): Promise<HistoryPage>;
  thread(room: string, offset: number, options?: HistoryOptions): Promise<HistoryPage>;
  rooms(options?: { prefix?: string; limit?: number; after?: string }): Promise<RoomsPage>;
  ping(): Promise<Pong>;
  request(command: { type: string; [key: string]: unknown }): Promise<Message>;
}

export {};   // what has no `export` above stays inside
