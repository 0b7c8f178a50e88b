// SPDX-License-Identifier: Apache-2.0
//
// commands.js: lines that begin with a slash, typed into the message box. They do what they do in a terminal
// (docs/protocol/text.md), with one difference: the page shows many rooms at once, so /join opens a room beside the
// others instead of leaving one for it.

import { slowWait, slowWords } from './allowed.js';
import { SECONDS_MAX, secondsOf, spanOf } from './decrees.js';
import { withEmoji } from './emoji.js';
import { mayInvite, openInviting } from './inviting.js';
import { ROLES } from './rights.js';
import { TOPIC_BYTES_MAX } from './shared.js';
import { nameShown } from './words.js';
import { plural, sentence, utf8Length } from './format.js';

const ROOMS_MAX = 200;
const NAME_BYTES_MAX = 64;    // the server's limits
const ROOM_BYTES_MAX = 128;
const REASON_BYTES_MAX = 256;

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
  create: {
    usage: '/create ROOM [RULE]', help: 'make a room that is not there yet, by a rule of the server; "ROOM" where the name has spaces',
    async run(chat, it, args) {
      const match = /^(?:"([^"]+)"|#*([^\s"#]\S*))\s*(\S*)$/.exec(args);
      if (!match) return 'Usage: /create ROOM, or /create ROOM RULE; "ROOM" where the name has spaces';
      const name = match[1] ?? match[2];
      const problem = await done(chat.client.room(name).create(match[3] === '' ? {} : { rule: match[3] }));
      if (problem === undefined) chat.open('room', name);
      return problem;
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
      const wait = slowWait(chat, it);
      if (wait > 0) return `${slowWords(wait)}.`;
      chat.outgoing.say(it, withEmoji(text), { action: true });
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
  find: {
    usage: '/find WORDS', help: 'messages of this room that have these words',
    run(chat, it, words) { chat.view.find(words); },
  },
  history: {
    usage: '/history', help: 'older messages; they also come as you scroll up',
    run(chat, it) { chat.archive.retry(it); },
  },
  role: {
    usage: '/role USER ROLE', help: 'give a role: guest, member, host or owner',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.role, (room, user, rest) => {
      const role = rest.toLowerCase();
      return ROLES.includes(role) ? room.setRole(user, role) : null;
    }),
  },
  kick: {
    usage: '/kick USER [WHY]', help: 'take somebody out of this room',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.kick, (room, user, reason) => room.kick(user, why(reason))),
  },
  ban: {
    usage: '/ban USER [TIME] [WHY]', help: 'and keep them out: for ever, or for 30s, 10m, 2h, 7d',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.ban, (room, user, rest) => room.ban(user, timed(rest))),
  },
  unban: {
    usage: '/unban USER', help: 'let somebody come in again',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.unban, (room, user, rest) => (rest === '' ? room.unban(user) : null)),
  },
  mute: {
    usage: '/mute USER [TIME] [WHY]', help: 'let somebody listen only',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.mute, (room, user, rest) => room.mute(user, timed(rest))),
  },
  unmute: {
    usage: '/unmute USER', help: 'let them speak again',
    run: (chat, it, args) => decree(chat, it, args, COMMANDS.unmute, (room, user, rest) => (rest === '' ? room.unmute(user) : null)),
  },
  slow: {
    usage: '/slow TIME', help: 'one message per person in TIME, as in 30s; /slow off ends it',
    run(chat, it, args) {
      const seconds = args.toLowerCase() === 'off' ? 0 : secondsOf(args);
      if (it.kind !== 'room' || seconds === null) return `Usage: /slow TIME, as in /slow 30s, up to ${spanOf(SECONDS_MAX)}; or /slow off`;
      return done(chat.client.room(it.name).setSlow(seconds));
    },
  },
  readonly: {
    usage: '/readonly [off]', help: 'only hosts may write',
    run(chat, it, args) {
      const on = { '': true, on: true, off: false }[args.toLowerCase()];
      if (it.kind !== 'room' || on === undefined) return 'Usage: /readonly, or /readonly off';
      return done(chat.client.room(it.name).setReadonly(on));
    },
  },
  lock: {
    usage: '/lock [off]', help: 'nobody new comes in',
    run(chat, it, args) {
      const on = { '': true, on: true, off: false }[args.toLowerCase()];
      if (it.kind !== 'room' || on === undefined) return 'Usage: /lock, or /lock off';
      return done(chat.client.room(it.name).setLocked(on));
    },
  },
  invite: {
    usage: '/invite', help: 'make a link that lets people in',
    run(chat, it, args) {
      if (args !== '' || it.kind !== 'room') return 'Usage: /invite, in a room and without anything behind it';
      if (!mayInvite(chat, it)) return 'You may not invite people into this room.';
      openInviting(chat, it);
    },
  },
  topic: {
    usage: '/topic [TEXT]', help: 'what this room is about; /topic - takes it away',
    run(chat, it, text) {
      if (it.kind !== 'room') return 'Usage: /topic TEXT, in a room';
      if (text === '') return void chat.tell(it, chat.shared.topic(it) === '' ? 'There is no topic.' : `Topic: ${chat.shared.topic(it)}`);
      if (utf8Length(text) > TOPIC_BYTES_MAX) return 'That is too long for a topic.';
      const room = chat.client.room(it.name);
      return done(text === '-' ? room.setState({}, { unset: ['topic'] }) : room.setState({ topic: text }));
    },
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

/** What has been decided everybody sees in the stream; only what was not is told here. */
async function done(promise) {
  try {
    await promise;
  } catch (error) {
    return sentence(error);
  }
}

const why = (reason) => (reason === '' ? {} : { reason });

/** [TIME] [WHY] */
function timed(rest) {
  const [, word, reason] = /^(\S*)\s*([\s\S]*)$/.exec(rest);
  const seconds = secondsOf(word);
  return seconds === null ? why(rest) : { seconds, ...why(reason) };
}

/** USER and what follows: somebody of this room, of those who were sent away, or an id. `act` returns null where the rest is
 *  not what it takes. */
async function decree(chat, it, args, { usage }, act) {
  const match = /^(?:"([^"]+)"|([^\s"]\S*))\s*([\s\S]*)$/.exec(args);
  if (it.kind !== 'room' || !match) return `Usage: ${usage}, in a room; "USER" where the name has spaces`;
  const wanted = match[1] ?? match[2];
  if (utf8Length(match[3]) > REASON_BYTES_MAX) return 'That is too long for a reason.';
  const people = [...it.members.values(), ...it.standing.all('banned'), ...it.standing.all('muted')];
  const fits = [(m) => m.user === wanted, (m) => m.name === wanted, (m) => m.name.localeCompare(wanted, undefined, { sensitivity: 'accent' }) === 0];
  const found = fits.map((fit) => new Set(people.filter(fit).map((m) => m.user))).find((users) => users.size > 0) ?? new Set([wanted]);
  if (found.size > 1) return `${plural(found.size, 'person', 'people')} are called ${nameShown(wanted)}; use an id: ${[...found].join(', ')}.`;
  const promise = act(chat.client.room(it.name), [...found][0], match[3]);
  return promise === null ? `Usage: ${usage}` : done(promise);
}

async function message(chat, it, args) {
  const match = /^(?:"([^"]+)"|([^\s"]\S*))\s+([\s\S]+)$/.exec(args);
  if (!match) return 'Usage: /msg USER TEXT, or /msg "USER" TEXT where the name has spaces';
  const wanted = match[1] ?? match[2];
  const text = match[3];
  const found = chat.directory.called(wanted, it);
  if (found.length > 1) return `${plural(found.length, 'person', 'people')} are called ${nameShown(wanted)}; use an id: ${found.map((m) => m.user).join(', ')}.`;
  if (found.length === 1) return void chat.outgoing.say(chat.open('direct', found[0].user, { title: found[0].name }), text);
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
