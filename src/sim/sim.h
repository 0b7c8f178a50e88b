// SPDX-License-Identifier: Apache-2.0
//
// sim.h - the whole server in one thread, from one seed: shards, mailboxes, clocks, a bad network, clients of every
// kind, and checkers for the contracts of docs/ARCHITECTURE.md after every step.
//
//     seed -> plan -> [ step: clock, faults, clients act, bytes move, shards turn, checks ] x n
//                  -> faults off, everyone reads to the end -> drain or leave -> grace times -> nothing is left
//
// The simulator is a second `io`: it drives the same core through core/shard/shard.h and knows nothing of its inside,
// except probe.c, which counts what a shard may still hold at the end.
//
// Source of all decisions: one generator (base/prng.h) per purpose, seeded from the seed. No clock, no thread, no
// address enters a decision, so the same seed gives the same run, told by `hash` over all events.
//
// Errors: a broken contract ends the run; the result carries a report with the seed, the step, what was expected and
// the last events of the connections concerned. An assertion of core ends the process, after the same report.
#ifndef PLENUM_SIM_SIM_H
#define PLENUM_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

// What the world does wrong on purpose, once, to show that a checker notices. All but the last few strike between
// the server and a client: as if the server had sent it so.
enum sim_mutation {
    MUTATE_NOTHING = 0,
    MUTATE_DROP_ENTRY,       // an entry of a room does not reach a JSON client
    MUTATE_SWAP_ENTRIES,     // two neighbours come in the other order
    MUTATE_REPEAT_ENTRY,     // an entry comes twice
    MUTATE_WRONG_CONNECTION, // an entry also comes to somebody outside of the room
    MUTATE_CORRUPT_DATA,     // one byte of a message differs for one reader
    MUTATE_LOSE_ACK,         // an ack never comes
    MUTATE_SWAP_REPLIES,     // two replies of a connection come in the other order
    MUTATE_SHIFT_ACK,        // an ack names the next offset
    MUTATE_ECHO_BEFORE_ACK,  // a sender sees its own entry before the ack
    MUTATE_HIDE_GAP,         // a gap is not announced
    MUTATE_LIE_RECOVERED,    // recovered:false turns to true
    MUTATE_DROP_TEXT_LINE,   // a room's line does not reach a text client
    MUTATE_SWAP_TEXT_LINES,
    MUTATE_LATE,           // a healthy connection gets nothing for a long while
    MUTATE_DOUBLE_KEY,     // the world sends a keyed message again, without its key
    MUTATE_KEEP_HALF_OPEN, // a peer that vanished is never given up
    MUTATE_LEAK,           // a block of core's memory is never given back
    MUTATE_LOSE_DRAIN,     // a client is not told that the server leaves
    MUTATE_WRONG_SENDER,   // a message is said to be from another user
    MUTATE_DROP_DIRECT,    // a direct that was delivered does not come
    MUTATE_REPEAT_DIRECT,
    MUTATE_STRAY_DIRECT,  // a direct also comes to somebody else
    MUTATE_DENY_DIRECT,   // its sender is told that it reached nobody
    MUTATE_LOSE_MEMBER,   // one is missing from a list of members
    MUTATE_EXTRA_MEMBER,  // the list has one too many
    MUTATE_RENAME_MEMBER, // one has another's name
    MUTATE_AWAY_MEMBER,   // one who is connected is listed as away
    MUTATE_WRONG_COUNT,   // a room is said to have more members than it has
    MUTATE_ALWAYS_DUE,    // a shard says that it has work, for ever
    MUTATE_LOSE_AUDIT,    // the audit is not told of somebody who comes or goes
    MUTATE_CHANGE_AUDIT,  // a byte of one of its lines is another
    MUTATE_COUNT
};

const char *sim_mutation_name(enum sim_mutation m);

struct sim_options {
    uint64_t seed;
    uint32_t scale; // length of the run in units of the usual one; 0 counts as 1
    bool verbose;   // prints every event
    enum sim_mutation mutation;
    uint32_t mutation_after; // how many occasions to let pass
    uint64_t
        broken_turn; // from this turn on the driver breaks core's contract, to see its assertion; 0 = never
    bool no_faults_in_memory; // mutations want runs in which connections are not lost to refused allocations
};

// What a run came by, to see that seeds reach everything. One to a line: of several clang-format breaks off one per run,
// and never comes to an end.
#define SIM_COUNTS(X)                                                             \
    X(steps)                                                                      \
    X(turns)                                                                      \
    X(connections)                                                                \
    X(published)                                                                  \
    X(acked)                                                                      \
    X(duplicates)                                                                 \
    X(entries_seen)                                                               \
    X(passing_seen)                                                               \
    X(text_lines)                                                                 \
    X(joins)                                                                      \
    X(recovered)                                                                  \
    X(not_recovered)                                                              \
    X(gaps)                                                                       \
    X(conflated)                                                                  \
    X(directs)                                                                    \
    X(by_backend) /* acknowledged messages of the HTTP API */                     \
    X(errors)                                                                     \
    X(rate_limited)                                                               \
    X(closed_by_server)                                                           \
    X(whois)         /* asked who a speaker is, */                                \
    X(whois_unknown) /* and not told */                                           \
    X(closed_slow)                                                                \
    X(deflated_in)                                                                \
    X(deflated_out)                                                               \
    X(closed_policy)                                                              \
    X(half_open)                                                                  \
    X(half_open_found)                                                            \
    X(resets)                                                                     \
    X(stormed)                                                                    \
    X(resumed)                                                                    \
    X(drained)                                                                    \
    X(wall_jumps)                                                                 \
    X(stalls)                                                                     \
    X(mailbox_full)                                                               \
    X(unhindered)                                                                 \
    X(too_many) /* hellos of who has as many sessions as a user may */            \
    X(blocked)                                                                    \
    X(allocations_refused)                                                        \
    X(epochs)                                                                     \
    X(tokens)                                                                     \
    X(keys_fetched)                                                               \
    X(tokens_waited)                                                              \
    X(refreshed)                                                                  \
    X(infos)                                                                      \
    X(passes)                                                                     \
    X(passes_ended)                                                               \
    X(placed)                                                                     \
    X(stored)                                                                     \
    X(late)                                                                       \
    X(failovers)                                                                  \
    X(taken_back)                                                                 \
    X(given_back)                                                                 \
    X(epochs_ended)                                                               \
    X(epochs_told)                                                                \
    X(let_go)                                                                     \
    X(gaps_trimmed)                                                               \
    X(fetches)                                                                    \
    X(voids)                                                                      \
    X(creates) /* rooms made by command, as people are told, */                   \
    X(created) /* and as records say */                                           \
    X(invites)                                                                    \
    X(uninvites)                                                                  \
    X(admitted)        /* uses of invitations */                                  \
    X(shared)          /* changes of states */                                    \
    X(shared_compared) /* with all that was told of them */                       \
    X(typed_state)     /* lines of terminals about them, */                       \
    X(text_states)     /* and answers */                                          \
    X(typed_invites)   /* likewise about invitations; */                          \
    X(text_invites)    /* those that were shown */                                \
    X(text_brought)    /* and those with which a terminal has come in */          \
    X(read_to)         /* how far people have read, acknowledged; */              \
    X(receipts)        /* told to others; */                                      \
    X(unread)          /* and messages behind it */                               \
    X(decrees)                                                                    \
    X(decrees_denied)                                                             \
    X(sent_away)                                                                  \
    X(banned)                                                                     \
    X(muted)                                                                      \
    X(changes)      /* of messages: records of edits, deletions and reactions, */ \
    X(shown_anew)   /* and messages told as they are now */                       \
    X(unsaid)       /* places of what was deleted in what has yet to be told */   \
    X(shown_bare)   /* or without words, as those are to follow */                \
    X(text_changes) /* lines of changes at terminals */                           \
    X(closes_asked) /* of rooms, asked for; and records of them */                \
    X(closed)                                                                     \
    X(once_again) /* requests with a key said again; and answered again */        \
    X(once_replayed)                                                              \
    X(revocations)                                                                \
    X(revoked) /* refused for one */                                              \
    X(rebuilt)                                                                    \
    X(audited)                                                                    \
    X(mutated)                                                                    \
    X(moot)

struct sim_counts {
#define X(name) uint64_t name;
    SIM_COUNTS(X)
#undef X
};

struct sim_result {
    bool failed;
    uint64_t hash;
    struct sim_counts counts;
    char *report; // of a failed run; free() it
};

void sim_run(const struct sim_options *options, struct sim_result *ret);

#endif
