// SPDX-License-Identifier: Apache-2.0
//
// ledger.mjs: what a room's clients were told, and whether what they find after a crash may be.
//
//   const ledger = new Ledger('disk');
//   ledger.ack(epoch, offset, data);              // each acknowledgement, as it comes
//   ledger.state(version, key, value); ledger.role(user, role); ledger.ban(user);
//   ledger.judge({ epoch, head, entries, state, state_version, roles, bans, recovered })   // [] or what is wrong, sentences
//
// Under `disk` all that was told is there. Under `async` what is lost is a tail: what there is, is as it was said, without a hole;
// and where something was lost the epoch is another one, so that who comes back with an offset beyond it is told.
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class Ledger {
  #acked = new Map();      // offset -> { epoch, data }
  #ever = new Map();       // epoch:offset -> data
  #states = [];            // { offset, key, value } in order of offset
  #roles = new Map();      // user -> { role, offset }
  #bans = new Map();       // user -> offset
  #wrong = [];

  constructor(durability) { this.durability = durability; }

  get newest() { return Math.max(0, ...this.#acked.keys()); }
  get count() { return this.#acked.size; }
  get epoch() { return this.#acked.get(this.newest)?.epoch; }

  /** A record that was told to be there. No offset stands for two things within an epoch. */
  ack(epoch, offset, data) {
    const place = `${epoch}:${offset}`;
    if (this.#ever.has(place) && !same(this.#ever.get(place), data))
      this.#wrong.push(`offset ${offset} of epoch ${epoch} was given to two: ${JSON.stringify(this.#ever.get(place))}, ${JSON.stringify(data)}`);
    this.#ever.set(place, data);
    this.#acked.set(offset, { epoch, data });
  }

  state(offset, key, value) { this.#states.push({ offset, key, value }); }
  role(offset, user, role) { if (!(this.#roles.get(user)?.offset > offset)) this.#roles.set(user, { role, offset }); }
  ban(offset, user) { this.#bans.set(user, offset); }

  /** What is found. What was not told before the crash may be there as well: its answer was on the way. */
  judge(found) {
    const wrong = this.#wrong.splice(0);
    const lost = found.head < this.newest;
    const entries = new Map(found.entries.map((e) => [e.offset, e]));
    for (let i = 1; i < found.entries.length; i++) {
      if (found.entries[i].offset !== found.entries[i - 1].offset + 1)
        wrong.push(`a hole: ${found.entries[i - 1].offset} is followed by ${found.entries[i].offset}`);
    }
    if (found.entries.length > 0 && found.entries.at(-1).offset !== found.head)
      wrong.push(`the newest is ${found.entries.at(-1).offset}, and the room says ${found.head}`);
    for (const [offset, { data }] of this.#acked) {
      if (offset > found.head) continue;
      const entry = entries.get(offset);
      if (!entry) wrong.push(`record ${offset}, which was told, is not there, and newer ones are`);
      else if (data !== undefined && !same(entry.data, data)) wrong.push(`record ${offset} is ${JSON.stringify(entry.data)}, and was ${JSON.stringify(data)}`);
    }
    if (lost && this.durability === 'disk') wrong.push(`records up to ${this.newest} were told, and the room ends at ${found.head}`);
    if (lost && found.epoch === this.epoch) wrong.push(`records behind ${found.head} are gone, and the epoch is the same`);
    if (lost && found.recovered) wrong.push(`who was at ${this.newest} is told to have missed nothing, and the room ends at ${found.head}`);
    wrong.push(...this.#judgeMade(found));
    this.#forget(found.head);
    return wrong;
  }

  /** States, roles and bans by what was told up to there. */
  #judgeMade(found) {
    const wrong = [];
    const unseen = found.head - this.newest;   // records whose answers did not arrive
    const state = {};
    for (const { offset, key, value } of this.#states.sort((a, b) => a.offset - b.offset))
      if (offset <= found.head) state[key] = value;
    for (const [key, value] of Object.entries(state)) {
      if (!same(found.state[key], value) && unseen <= 0) wrong.push(`state ${key} is ${JSON.stringify(found.state[key])}, and was ${JSON.stringify(value)}`);
    }
    for (const [user, { role, offset }] of this.#roles)
      if (offset <= found.head && found.roles[user] !== undefined && found.roles[user] !== role) wrong.push(`${user} is ${found.roles[user]}, and was ${role}`);
    for (const [user, offset] of this.#bans)
      if (offset <= found.head && found.bans[user] === false) wrong.push(`${user} was banned, and comes in`);
    return wrong;
  }

  /** What is lost may be said anew, by a newer epoch. */
  #forget(head) {
    for (const offset of this.#acked.keys()) if (offset > head) this.#acked.delete(offset);
    this.#states = this.#states.filter((s) => s.offset <= head);
    for (const [user, { offset }] of this.#roles) if (offset > head) this.#roles.delete(user);
    for (const [user, offset] of this.#bans) if (offset > head) this.#bans.delete(user);
  }
}
