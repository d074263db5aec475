package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.AbstractList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
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
                "{{ ('{0:9999}' * 9999).format(1) }}",
                "{{ ('a b ' * 9999999).split() | join(' ' * 9999) }}",
                "{% set s = 'é' * 999999 %}{% for i in range(99999) %}{% set x = s[999998] %}{% endfor %}",
                "{{ ('z' * 999999) | batch(1) | list }}{{ range(99999) | list * 999 }}",
                "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = ns.a + [range(99999)] %}{% endfor %}",
                "{% set x = 'a' * 4999999 %}{{ [x] * 9999 | sort }}",
                "{% set s = '\u0001' * 4000000 %}{% for i in range(9999999) %}{% if [][s] is defined %}x{% endif %}{% endfor %}",
                "{% set x = 'A' * 4999999 %}{{ ([{'k': x}] * 9999) | sort(attribute='k') }}",
                "{{ ([0] * 30000) | tojson(separators=('x' * 1000000, ':')) }}",
                "{{ {'a': 1, 'b': 2, 'c': 3} | tojson(separators=(',', 'x' * 12000000)) }}",
                "{% set x = [[[[[0] * 9999]]]] %}{{ x | tojson(indent='x' * 1000000) }}",
                "{% set x = [0] * 90000 %}{% set b = [x] * 5000000 %}{{ b < b }}",
                "{% set a = [[0] * 90000] %}{% set b = [a] * 5000000 %}{{ b.count(a) }}",
                "{% set a = [0] * 90000 %}{% set b = [a] * 5000000 %}{{ b.index(a + [1]) }}{{ b.index([1] + a[1:]) }}"
                        + "{{ a in b }}{{ b | max }}"
            })
    void aTemplateIsStopped(String source) {
        Template template = Template.parse(source);
        long before = cpuNanos();
        assertTimeout(
                Duration.ofSeconds(60),
                () -> assertThrows(
                        TemplateException.class, () -> template.render(Map.of(), ZonedDateTime.now()), source));
        long taken = cpuNanos() - before;
        assertTrue(taken < TimeUnit.SECONDS.toNanos(5), () -> source + ": " + taken / 1e9 + " s");
    }

    /** Of this thread: what else the machine does counts for less. */
    private static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    @Test
    void aHeapThatIsFullIsAnErrorOfTheTemplate() {
        List<Object> full = new AbstractList<>() {
            @Override
            public Object get(int index) {
                throw new OutOfMemoryError("Java heap space");
            }

            @Override
            public int size() {
                return 1;
            }
        };
        Template template = Template.parse("\n{{ x == [1] }}");
        TemplateException fault =
                assertThrows(TemplateException.class, () -> template.render(Map.of("x", full), ZonedDateTime.now()));
        assertEquals(2, fault.line());
    }
}
