package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that are made to take all time or all memory are stopped, long before either is gone. */
class BoundsTest {
    private static final String DOUBLED = "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}";

    @ParameterizedTest
    @ValueSource(
            strings = {
                DOUBLED + "{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
                DOUBLED
                        + "{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% set b = ns.a %}{{ [b] == [[b, b]] }}{{ {b: 1} }}",
                DOUBLED + "{% set ns.a = (ns.a, ns.a) %}{% endfor %}{{ {'x': 1}.get(ns.a) }}",
                DOUBLED + "{% set ns.a = ns.a + ns.a %}{% endfor %}",
                "{{ ('a' * 999999 ~ 'b') in ('a' * 9999999) }}",
                "{{ ('a' * 9999999).replace('a', 'b' * 9999999) }}",
                "{{ ('a' * 9999999).find('a' * 999999 ~ 'b') }}",
                "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}",
                "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
                "{{ '%9999d' * 9999 % 1 }}",
                "{{ ('a b ' * 9999999).split() | join(' ' * 9999) }}",
                "{% set s = 'é' * 999999 %}{% for i in range(99999) %}{% set x = s[999998] %}{% endfor %}",
                "{{ ('z' * 999999) | batch(1) | list }}{{ range(99999) | list * 999 }}",
                "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = ns.a + [range(99999)] %}{% endfor %}",
                "{% set x = 'a' * 4999999 %}{{ [x] * 9999 | sort }}"
            })
    void aTemplateIsStopped(String source) {
        Template template = Template.parse(source);
        assertTimeout(
                Duration.ofSeconds(5),
                () -> assertThrows(
                        TemplateException.class, () -> template.render(Map.of(), ZonedDateTime.now()), source));
    }
}
