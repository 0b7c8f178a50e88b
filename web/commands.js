// SPDX-License-Identifier: Apache-2.0
//
// commands.js: lines that begin with a slash, typed into the message box. They do what they do in a terminal
// (docs/protocol/text.md), with one difference: the page shows many rooms at once, so /join opens a room beside the
// others instead of leaving one for it.

import { nameShown } from './words.js';
import { plural, sentence, utf8Length } from './format.js';

const ROOMS_MAX = 200;
const NAME_BYTES_MAX = 64;    // the server's limits
const ROOM_BYTES_MAX = 128;

/** name -> {usage, help, run(chat, it, args)}. run returns a sentence if it cannot be done, else nothing. */
const COMMANDS = {
  join: {
    usage: '/join ROOM', help: 'open a room, or make a new one',
    run(chat, it, room) {
      const name = room.replace(/^#+/, '');
      if (name === '') return 'Usage: /join ROOM';
      if (utf8Length(name) > ROOM_BYTES_MAX) return 'That name is too long for a room.';
      chat.open('room', name);
    },
  },
  leave: {
    usage: '/leave [ROOM]', help: 'leave this room, or another',
    run(chat, it, room) {
      const which = room === '' ? it : chat.conversation('room', room.replace(/^#+/, '')) ?? chat.conversation('room', room);
      if (!which) return `You are not in ${nameShown(room)}.`;
      chat.close(which);
    },
  },
  nick: {
    usage: '/nick NAME', help: 'be called NAME; you stay who you are',
    run(chat, it, name) {
      if (name === '' || utf8Length(name) > NAME_BYTES_MAX) return 'Usage: /nick NAME, with a name of 1 to 64 bytes';
      chat.rename(name);
    },
  },
  me: {
    usage: '/me TEXT', help: 'say what you do: /me waves',
    run(chat, it, text) {
      if (text === '') return 'Usage: /me TEXT, as in /me waves';
      chat.say(it, text, { action: true });
    },
  },
  who: {
    usage: '/who', help: 'who is in this room',
    run(chat, it, args) {
      if (args !== '' || it.kind !== 'room') return 'Usage: /who, in a room and without anything behind it';
      const names = [...it.members.values()].map((m) => nameShown(m.name) + (m.connected ? '' : ' (away)'));
      const more = it.membersCount - names.length;
      chat.tell(it, `In #${nameShown(it.name)}: ${names.join(', ')}${more > 0 ? ` and ${plural(more, 'other')}` : ''}`);
    },
  },
  rooms: {
    usage: '/rooms [PREFIX]', help: 'which rooms there are',
    async run(chat, it, prefix) {
      try {
        const { rooms } = await chat.client.rooms({ limit: ROOMS_MAX, ...(prefix === '' ? {} : { prefix }) });
        const list = rooms.map((r) => `#${nameShown(r.room)} (${r.members_count})`);
        chat.tell(it, list.length ? `Rooms: ${list.join(', ')}` : 'No rooms.');
      } catch (error) {
        return sentence(error);
      }
    },
  },
  msg: {
    usage: '/msg USER TEXT', help: 'write to one person only; "USER" where the name has spaces',
    run: (chat, it, args) => message(chat, it, args),
  },
  history: {
    usage: '/history', help: 'older messages; they also come as you scroll up',
    run(chat, it) { chat.loadEarlier(it); },
  },
  help: {
    usage: '/help', help: 'this list',
    run(chat, it) { it.insertLocal({ kind: 'help', commands: Object.values(COMMANDS) }); chat.view.changed('stream'); },
  },
  quit: {
    usage: '/quit', help: 'disconnect',
    run(chat) { chat.client.close(); },
  },
};

async function message(chat, it, args) {
  const match = /^(?:"([^"]+)"|([^\s"]\S*))\s+([\s\S]+)$/.exec(args);
  if (!match) return 'Usage: /msg USER TEXT, or /msg "USER" TEXT where the name has spaces';
  const wanted = match[1] ?? match[2];
  const text = match[3];
  const found = chat.peopleCalled(wanted, it);
  if (found.length > 1) return `${plural(found.length, 'person', 'people')} are called ${nameShown(wanted)}; use an id: ${found.map((m) => m.user).join(', ')}.`;
  if (found.length === 1) return void chat.say(chat.open('direct', found[0].user, found[0].name), text);
  // Nobody we know of: it may be an id all the same, and the server knows.
  try {
    const { delivered } = await chat.client.direct(wanted, { text });
    if (!delivered) return `${nameShown(wanted)} is not online. Nothing was delivered.`;
    chat.tell(it, `Delivered to ${nameShown(wanted)}.`);
  } catch (error) {
    return sentence(error);
  }
}

/** What a typed line means: {say: text}, {problem: sentence}, or {run(chat, it)} which resolves with a problem or nothing. */
export function understand(line) {
  if (!line.startsWith('/')) return { say: line };
  if (line.startsWith('//')) return { say: line.slice(1) };
  const [, word, args] = /^\/(\S*)\s*([\s\S]*)$/.exec(line);
  const name = word.toLowerCase();
  if (!Object.hasOwn(COMMANDS, name)) {
    return { problem: `There is no command /${nameShown(word)}. /help lists them; // in front sends a line that begins with /.` };
  }
  return { run: (chat, it) => COMMANDS[name].run(chat, it, args.trim()) };
}
