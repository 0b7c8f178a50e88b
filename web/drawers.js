// SPDX-License-Identifier: Apache-2.0
//
// drawers.js: where the window is too narrow for three columns, the rooms and the people are drawers over the stream.

import { $ } from './dom.js';
import { person } from './settings.js';

const narrow = matchMedia('(max-width: 760px)');
const medium = matchMedia('(max-width: 1080px)');

export class Drawers {
  #chat;
  #open = null;     // 'sidebar' | 'people' | null
  #opener = null;   // what had the focus before it

  constructor(chat) {
    this.#chat = chat;
    $('open-sidebar').addEventListener('click', () => this.#show('sidebar'));
    $('close-people').addEventListener('click', () => this.close());
    $('scrim').addEventListener('click', () => this.close());
    $('toggle-people').addEventListener('click', () => {
      if (medium.matches) return this.#show('people');
      person.peopleHidden = !person.peopleHidden;
      this.drawPeopleColumn(chat.active);
    });
    // A drawer stays open while the page is narrow enough for it to be one: who turns a tablet is not sent away, and the change that
    // made it a drawer may be told after somebody has opened it.
    for (const query of [narrow, medium]) {
      query.addEventListener('change', () => {
        if (!(this.#open === 'sidebar' ? narrow : medium).matches) this.#open = null;
        this.draw();
        chat.view.changed('all');
      });
    }
  }

  get isOpen() { return this.#open !== null; }

  #show(which) {
    this.#open = which;
    this.#opener = document.activeElement;
    this.draw();
    (which === 'sidebar' ? $('jump') : $('close-people')).focus();
  }

  close() {
    if (!this.#open) return;
    this.#open = null;
    this.draw();
    this.#opener?.focus();
  }

  /** What is off the screen must be out of reach of the keyboard too, hence `inert`. */
  draw() {
    const app = $('app');
    app.classList.toggle('sidebar-open', this.#open === 'sidebar');
    app.classList.toggle('people-open', this.#open === 'people');
    $('scrim').hidden = this.#open === null;
    $('sidebar').inert = narrow.matches && this.#open !== 'sidebar';
    $('people').inert = medium.matches && this.#open !== 'people';
    $('main').inert = this.#open !== null;
  }

  drawPeopleColumn(it) {
    const wanted = it?.kind === 'room' && it.status !== 'refused' && it.status !== 'removed' && !person.peopleHidden;
    $('app').classList.toggle('no-people', !wanted);
    $('toggle-people').setAttribute('aria-expanded', String(medium.matches ? this.#open === 'people' : wanted));
  }
}
