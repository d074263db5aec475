package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Jinja2 3.1 makes of filters and operators at equal keys, empty sequences, halves and below zero. */
class TemplateEdgesTest {
    private static final Map<String, Object> VALUES = Map.of(
            "pairs",
            List.of(List.of("a", "x"), List.of("b", "y")),
            "maps",
            List.of(Map.of("n", "one"), Map.of("m", "two")));

    @ParameterizedTest
    @CsvSource(
            delimiter = '§',
            quoteCharacter = '`',
            value = {
                "{{ pairs | map(attribute=-1) | join }} § xy",
                "{{ pairs | map(attribute=0) | join }} § ab",
                "{{ maps | map(attribute='n', default='-') | join(',') }} § one,-",
                "{{ ['b', 'A', 'B', 'a'] | sort(reverse=true) | join }} § bBAa",
                "{{ ['b', 'A', 'B', 'a'] | sort | join }} § AabB",
                "{{ [1, 2, 3] | batch(2, '-') | list }} § [[1, 2], [3, '-']]",
                "{{ [1, 2, 3] | batch(2) | list }} § [[1, 2], [3]]",
                "{{ \"it's\" | e }} § it&#39;s",
                "{{ ([] | max) is defined }} {{ ([] | min) is defined }} § False False",
                "{{ 2.56 | round(1, 'floor') }} {{ 2.54 | round(1, 'ceil') }} § 2.5 2.6",
                "{{ 2.5 | round }} {{ 3.5 | round }} {{ 0.125 | round(2) }} § 2.0 4.0 0.12",
                "{{ (0 - 7.5) % 2 }} {{ 7.5 % (0 - 2) }} {{ (0 - 7) % 3 }} § 0.5 -0.5 2",
                "{{ (0 - 7) // 2 }} {{ (0 - 7.5) // 2 }} § -4 -4.0",
                "{% for x in 'abc' %}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %} § 32 21 10",
            })
    void rendersAsJinja2Does(String source, String expected) {
        assertEquals(
                expected,
                Template.parse(source)
                        .render(VALUES, ZonedDateTime.now())
                        .text()
                        .strip());
    }
}
