// SPDX-License-Identifier: Apache-2.0
//
// emoji.js: the emoji that people ask for by name, in the names that other chats have for them. What is sent is the character: it is
// the same in a terminal and needs no table there.

const NAMES = `
smile 😄 grinning 😀 smiley 😃 grin 😁 laughing 😆 joy 😂 rofl 🤣 sweat_smile 😅 slightly_smiling_face 🙂 upside_down 🙃 wink 😉 blush 😊
innocent 😇 heart_eyes 😍 star_struck 🤩 kissing_heart 😘 yum 😋 stuck_out_tongue 😛 zany 🤪 hugs 🤗 thinking 🤔 shush 🤫 zipper_mouth 🤐
raised_eyebrow 🤨 neutral_face 😐 expressionless 😑 no_mouth 😶 smirk 😏 unamused 😒 roll_eyes 🙄 grimacing 😬 relieved 😌 pensive 😔 sleepy 😪
sleeping 😴 mask 😷 sick 🤒 nauseated 🤢 sneezing 🤧 hot_face 🥵 cold_face 🥶 dizzy_face 😵 exploding_head 🤯 cowboy 🤠 partying 🥳 sunglasses 😎
nerd 🤓 confused 😕 worried 😟 frowning 🙁 open_mouth 😮 astonished 😲 flushed 😳 pleading 🥺 fearful 😨 cry 😢 sob 😭 scream 😱 disappointed 😞
sweat 😓 weary 😩 tired 😫 yawning 🥱 triumph 😤 angry 😠 rage 😡 skull 💀 poop 💩 clown 🤡 ghost 👻 alien 👽 robot 🤖 see_no_evil 🙈
hear_no_evil 🙉 speak_no_evil 🙊 heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤
broken_heart 💔 sparkling_heart 💖 100 💯 boom 💥 dash 💨 speech_balloon 💬 zzz 💤 wave 👋 raised_hand ✋ vulcan 🖖 ok_hand 👌 v ✌️
crossed_fingers 🤞 metal 🤘 call_me 🤙 point_left 👈 point_right 👉 point_up 👆 point_down 👇 thumbsup 👍 +1 👍 thumbsdown 👎 -1 👎 fist ✊
clap 👏 raised_hands 🙌 handshake 🤝 pray 🙏 writing_hand ✍️ muscle 💪 brain 🧠 eyes 👀 eye 👁️ shrug 🤷 facepalm 🤦 bow 🙇 dancer 💃
running 🏃 cat 🐱 dog 🐶 fox 🦊 bear 🐻 panda 🐼 unicorn 🦄 bee 🐝 bug 🐛 turtle 🐢 octopus 🐙 whale 🐳 penguin 🐧 owl 🦉 snail 🐌
rose 🌹 sunflower 🌻 seedling 🌱 evergreen_tree 🌲 four_leaf_clover 🍀 apple 🍎 banana 🍌 avocado 🥑 pizza 🍕 burger 🍔 fries 🍟 cookie 🍪
cake 🍰 birthday 🎂 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine 🍷 champagne 🍾 earth 🌍 sun ☀️ rainbow 🌈 cloud ☁️ rain 🌧️ snowflake ❄️ zap ⚡
fire 🔥 droplet 💧 star ⭐ sparkles ✨ tada 🎉 confetti 🎊 balloon 🎈 gift 🎁 trophy 🏆 medal 🏅 dart 🎯 dice 🎲 guitar 🎸 art 🎨 rocket 🚀
airplane ✈️ car 🚗 bike 🚲 house 🏠 watch ⌚ computer 💻 keyboard ⌨️ phone 📱 bulb 💡 battery 🔋 wrench 🔧 hammer 🔨 gear ⚙️ link 🔗
lock 🔒 key 🔑 mag 🔍 package 📦 email 📧 memo 📝 calendar 📅 chart 📈 pushpin 📌 paperclip 📎 scissors ✂️ bell 🔔 no_bell 🔕 hourglass ⏳
warning ⚠️ construction 🚧 no_entry ⛔ stop 🛑 check ✅ x ❌ question ❓ exclamation ❗ plus ➕ minus ➖ recycle ♻️ white_flag 🏳️
checkered_flag 🏁`;

const words = NAMES.trim().split(/\s+/);
export const EMOJI = words.filter((_, i) => i % 2 === 0).map((name, i) => ({ name, emoji: words[2 * i + 1] }));
const byName = new Map(EMOJI.map(({ name, emoji }) => [name, emoji]));

/** What is offered first to react with. */
export const QUICK = ['👍', '❤️', '😄', '🎉', '👀', '✅'];

/** What it is called, for those who hear it. */
export const nameOf = (emoji) => EMOJI.find((it) => it.emoji === emoji)?.name.replaceAll('_', ' ') ?? emoji;

/** Those whose name begins so, then those that have it in their name; each character once. */
export function emojiCalled(part, max) {
  const wanted = part.toLowerCase();
  const found = new Map();
  for (const fits of [(name) => name.startsWith(wanted), (name) => name.includes(wanted)]) {
    for (const it of EMOJI) if (fits(it.name) && !found.has(it.emoji)) found.set(it.emoji, it);
  }
  return [...found.values()].slice(0, max);
}

/** A text with the character in the place of each `:name:`, outside of code. */
export function withEmoji(text) {
  return text.split(/(```[^]*?(?:```|$)|`[^`\n]+`)/).map((part, i) => (i % 2 ? part
    : part.replace(/(?<![\p{L}\p{N}:/]):([a-z0-9_+-]{1,32}):(?![\p{L}\p{N}:])/giu, (all, name) => byName.get(name.toLowerCase()) ?? all))).join('');
}
