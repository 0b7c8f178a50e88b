// SPDX-License-Identifier: Apache-2.0
//
// Head fields of an answer that we fetched: it is fresh for no longer than one of them says, and a date that is read is written as it was.
//
// Input: lines of "Name: value".
#include "unit/wire_support.h"
#include "wire/http.h"
#include "wire/http_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = (char *)exact_copy(data, n), date[HTTP_DATE_LEN];
    struct http_cache c = {0};
    for (str rest = str_make(text, n); rest.p != NULL;) {
        str value, line = str_split(rest, '\n', &rest);
        str name = str_split(line, ':', &value);
        uint64_t s;
        if (value.p == NULL)
            continue;
        http_cache_field(&c, name, value);
        if (http_date_decode(str_trim(value), &s)) {
            http_date_encode(s, date);
            MUST(str_eq(str_make(date, sizeof date), str_trim(value)));
        }
    }
    uint64_t fresh_s = http_cache_fresh_s(&c, 784111777);
    MUST(!c.stale || fresh_s == 0);
    MUST(c.stale || !c.has_max_age || fresh_s <= c.max_age_s);
    MUST((fresh_s == HTTP_CACHE_UNSAID) == (!c.stale && !c.has_max_age && !c.has_expires));
    MUST(fresh_s == HTTP_CACHE_UNSAID || fresh_s <= UINT64_C(253402300799));
    free(text);
    return 0;
}
