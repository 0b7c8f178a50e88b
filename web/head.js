// SPDX-License-Identifier: Apache-2.0
//
// head.js: what stands above the stream: the room's name, what is special about it, its topic, and the way to its menu.

import { $, h, icon, setText } from './dom.js';
import { shortSpanOf } from './decrees.js';
import { count, sentence, utf8Length } from './format.js';
import { mayInvite, openInviting } from './inviting.js';
import { glyph } from './lists.js';
import { mayGovern, openRoomMenu } from './moderation.js';
import { TOPIC_BYTES_MAX } from './shared.js';
import { toast } from './status.js';
import { nameShown } from './words.js';

/** What is special about us in a room, and about the room: [what is heard only, what is shown]. */
function factsOf({ role, readonly, locked, slow_s }) {
  const mine = { host: ['You are ', 'host'], owner: ['You are ', 'owner'], guest: ['You ', 'may read'] }[role];
  return [mine, locked && ['', 'Locked'], readonly && ['', 'Read-only'], slow_s > 0 && ['', `Slow mode ${shortSpanOf(slow_s)}`]].filter(Boolean);
}

export class Head {
  #chat;
  #editing = null;   // {it, version}: whose topic is being changed, and as of when; the version is a promise

  constructor(chat) {
    this.#chat = chat;
    $('room-menu').addEventListener('click', () => openRoomMenu(chat, $('room-menu')));
    $('invite-people').addEventListener('click', () => openInviting(chat, chat.active));
    $('topic-text').addEventListener('click', () => this.#unfold());
    $('topic-edit').addEventListener('click', () => this.#begin());
    $('topic-form').addEventListener('submit', (e) => { e.preventDefault(); this.#submit(); });
    $('topic-cancel').addEventListener('click', () => this.#end(true));
    $('topic-form').addEventListener('keydown', (e) => {
      if (e.key !== 'Escape') return;
      e.stopPropagation();
      this.#end(true);
    });
  }

  draw() {
    const chat = this.#chat;
    const it = chat.active;
    const shownName = it?.label ?? '';
    if ($('room-title').title !== shownName || !$('room-title').firstChild) {
      $('room-title').replaceChildren(it ? h('bdi', {}, shownName) : h('span.visually-hidden', {}, 'No conversation'));   // a heading says something
      $('room-title').title = shownName;
    }
    $('find').hidden = !it || it.status === 'refused';
    $('copy-link').hidden = it?.kind !== 'room' || it.status === 'refused';
    $('room-glyph').replaceChildren(...(it ? [glyph(it, chat)] : []));
    $('toggle-people').hidden = it?.kind !== 'room' || it.status === 'refused' || it.status === 'removed';
    $('people-count').textContent = count(it?.membersCount ?? 0);
    $('room-sub').textContent = !it ? '' : it.kind === 'direct'
      ? { online: 'Online', away: 'Away', unknown: 'Not connected' }[chat.directory.presenceOf(it.name)] ?? 'Direct message'
      : { joining: 'Joining…', refused: 'Not joined', removed: { kicked: 'Removed', banned: 'Banned' }[it.error?.code] ?? 'Not a member' }[it.status] ?? '';
    $('room-menu').hidden = !mayGovern(chat, it);
    $('invite-people').hidden = !mayInvite(chat, it);
    this.#drawFacts(it);
    this.#drawTopic(it);
  }

  #drawFacts(it) {
    const facts = it?.kind === 'room' && it.status === 'joined' ? factsOf(this.#chat.client.room(it.name)) : [];
    if ($('room-facts').dataset.of === facts.join('|')) return;
    $('room-facts').dataset.of = facts.join('|');
    $('room-facts').replaceChildren(...facts.map(([heard, shown]) => h('span.tag', { title: heard + shown }, h('span.visually-hidden', {}, heard), shown)));
  }

  // ---- the topic ----------------------------------------------------------------------------------------------

  #drawTopic(it) {
    if (this.#editing && this.#editing.it !== it) this.#end(false);
    const joined = it?.kind === 'room' && it.status === 'joined';
    const text = joined ? this.#chat.shared.topic(it) : '';
    const may = joined && this.#chat.shared.mayChange(it);
    const editing = this.#editing !== null;
    $('room-head').classList.toggle('with-topic', editing || text !== '');
    $('room-head').classList.toggle('editing', editing);
    $('topic').hidden = editing || (text === '' && !may);
    $('topic-form').hidden = !editing;
    const of = JSON.stringify([it?.id, text]);
    if ($('topic').dataset.of !== of) {
      $('topic').dataset.of = of;
      $('topic-text').replaceChildren(h('bdi', {}, text));
      $('topic-text').title = text;
      $('topic-text').setAttribute('aria-expanded', 'false');
    }
    $('topic-text').hidden = text === '';
    $('topic-edit').hidden = !may;
    if ($('topic-edit').dataset.has === String(text !== '')) return;
    $('topic-edit').dataset.has = String(text !== '');
    $('topic-edit').className = text === '' ? 'topic-add' : 'icon-button small topic-change';
    $('topic-edit').replaceChildren(text === '' ? 'Add a topic' : icon('pencil'));
    $('topic-edit').setAttribute('aria-label', text === '' ? 'Add a topic' : 'Change the topic');
    $('topic-edit').title = text === '' ? '' : 'Change the topic';
  }

  /** A long one is one line until somebody wants to read it. */
  #unfold() {
    $('topic-text').setAttribute('aria-expanded', String($('topic-text').getAttribute('aria-expanded') !== 'true'));
  }

  #begin() {
    const it = this.#chat.active;
    if (!it || !this.#chat.shared.mayChange(it)) return;
    this.#editing = { it, version: this.#chat.shared.readTopic(it) };
    this.#editing.version.catch(() => {});   // looked at when it is needed
    $('topic-input').value = this.#chat.shared.topic(it);
    this.#complain('');
    this.#drawTopic(it);
    $('topic-input').focus();
    $('topic-input').select();
  }

  #end(back) {
    if (!this.#editing) return;
    const { it } = this.#editing;
    this.#editing = null;
    this.#complain('');
    if (it === this.#chat.active) this.#drawTopic(it);
    if (back) $('topic-edit').focus();
  }

  async #submit() {
    const { it, version } = this.#editing;
    const text = $('topic-input').value.replace(/\s+/g, ' ').trim();
    if (utf8Length(text) > TOPIC_BYTES_MAX) return this.#complain('That is too long for a topic.');
    if (text === this.#chat.shared.topic(it)) return this.#end(true);
    $('topic-save').disabled = true;
    try {
      await this.#chat.shared.setTopic(it, text, (await version).version);
      this.#end(document.activeElement === $('topic-input') || document.activeElement === document.body);
    } catch (error) {
      await this.#refused(it, error);
    } finally {
      $('topic-save').disabled = false;
    }
  }

  /** Who has been overtaken sees what it is now, and may say the same once more. */
  async #refused(it, error) {
    if (this.#editing?.it !== it) return toast(sentence(error), 'error');
    if (error.code !== 'conflict') return this.#complain(sentence(error));
    this.#editing.version = this.#chat.shared.readTopic(it);
    const { text } = await this.#editing.version.catch(() => ({ text: '' }));
    this.#complain(text === '' ? 'It has been taken away meanwhile. Save sets yours.' : `It has been changed meanwhile: ${nameShown(text).slice(0, 120)}. Save sets yours all the same.`);
  }

  #complain(text) {
    $('topic-error').hidden = text === '';
    setText($('topic-error'), text);
    if (text === '') $('topic-input').removeAttribute('aria-invalid');
    else $('topic-input').setAttribute('aria-invalid', 'true');
  }
}
