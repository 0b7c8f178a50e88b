// SPDX-License-Identifier: Apache-2.0
//
// directory.js: which rooms there are, as the server last told, and who is called what, as far as any open room knows. No DOM here.

import { sentence } from './format.js';

const ROOMS_MAX = 200;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class Directory {
  #chat;

  constructor(chat) {
    this.#chat = chat;
    this.rooms = [];   // {name, members_count, unread?}
    this.at = 0;       // when they were told
  }

  // ---- rooms ------------------------------------------------------------------------------------------------

  async refresh() {
    const chat = this.#chat;
    if (!chat.online) return;
    this.at = Date.now();
    const before = new Map(chat.list.map((c) => [c, c.unread]));
    try {
      const reply = await chat.client.rooms({ limit: ROOMS_MAX });
      this.rooms = (reply.rooms ?? []).map((r) => ({ name: String(r.room ?? r.name), members_count: r.members_count ?? 0, unread: r.unread }));
      for (const { name, unread } of this.rooms) {
        const it = chat.conversation('room', name);
        // What has come since we asked may not be counted there.
        if (it && unread !== undefined) chat.reading.counted(it, unread + Math.max(0, it.unread - (before.get(it) ?? 0)));
      }
      chat.view.changed('lists');
    } catch (error) {
      if (error.code !== 'disconnected') chat.view.toast(sentence(error), 'error');
    }
  }

  /** Rooms that are open here, and others that exist: {name, open, count: people, unread}. */
  get list() {
    const open = this.#chat.list.filter((c) => c.kind === 'room' && c.status !== 'refused');
    const listed = new Map(this.rooms.map((r) => [r.name, r.members_count]));
    const mine = open.map((c) => ({ name: c.name, open: c, unread: c.unread,
      count: c.status === 'joined' ? c.membersCount : listed.get(c.name) ?? 0 }));
    const others = this.rooms.filter((r) => !open.some((c) => c.name === r.name))
      .map((r) => ({ name: r.name, open: null, unread: r.unread ?? 0, count: r.members_count }));
    const byName = (a, b) => collator.compare(a.name, b.name);
    return [...mine.sort(byName), ...others.sort(byName)];
  }

  // ---- people -----------------------------------------------------------------------------------------------

  /** A user's display name as far as any open room knows it. */
  nameOf(user) {
    for (const it of this.#chat.list) {
      const member = it.members.get(user);
      if (member) return member.name;
    }
    return null;
  }

  /** What somebody is called in a room, who need not be there any more. */
  nameIn(it, user) {
    return it.members.get(user)?.name ?? it.standing.nameOf(user)
      ?? it.items.findLast((item) => item.kind === 'message' && item.from.user === user)?.from.name ?? this.nameOf(user);
  }

  /** Those whom a name or an id means: in this room first, else wherever we see people. */
  called(wanted, it) {
    const chat = this.#chat;
    const everywhere = chat.list.flatMap((c) => [...c.members.values()])
      .concat(chat.list.filter((c) => c.kind === 'direct').map((c) => ({ user: c.name, name: c.title })));
    const same = (a, b) => a.localeCompare(b, undefined, { sensitivity: 'accent' }) === 0;
    for (const list of [[...it.members.values()], everywhere]) {
      for (const fits of [(m) => m.user === wanted, (m) => m.name === wanted, (m) => same(m.name, wanted)]) {
        const found = new Map(list.filter((m) => m.user !== chat.me.user && fits(m)).map((m) => [m.user, m]));
        if (found.size > 0) return [...found.values()];
      }
    }
    return [];
  }

  /** 'online' | 'away' | 'unknown' while we are cut off ourselves | null when no open room has that user. */
  presenceOf(user) {
    if (!this.#chat.online) return 'unknown';
    let presence = null;
    for (const it of this.#chat.list) {
      const member = it.members.get(user);
      if (member?.connected) return 'online';
      if (member) presence = 'away';
    }
    return presence;
  }
}
