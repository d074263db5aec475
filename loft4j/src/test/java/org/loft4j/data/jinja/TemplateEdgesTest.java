package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
                "{{ 'abc' | replace('', '-', 2) }} {{ ''.replace('', '-', 1) }} {{ 'abc'.replace('', '-', 9) }} {{ 'aXbX'.replace('X', '', 1) }} § -a-bc - -a-b-c- abX",
                "{{ '👩é'.replace('', '-') }} {{ '{:👩>3}'.format('a') }} § -👩-é- 👩👩a",
                "{{ '1__0' | int }} {{ '_1' | int(7) }} {{ '1_0' | int }} {{ '1_' | float(7.5) }} {{ '1_0.5' | float }} § 0 7 10 7.5 10.5",
                "{{ '0xff' | int(0, 16) }} {{ '-0X1F' | int(base=16) }} {{ '0o17' | int(0, 8) }} {{ '0b11' | int(0, 2) }} {{ 'zz' | int(0, 36) }} § 255 -31 15 3 1295",
                "{{ '0b11' | int(5) }} {{ '0x' | int(5, 16) }} {{ '12' | int(5, 37) }} {{ '11' | int(5, 1) }} § 5 5 12 11",
                "{{ '9223372036854775808' | int }} {{ '9223372036854775807' | int }} {{ -1e30 | int }} {{ (0 - 1e19) | int }} § 9223372036854775808 9223372036854775807 -1000000000000000019884624838656 -10000000000000000000",
                "{{ 15 | round(-1) }} {{ 25 | round(-1) }} {{ 15 | round(-1, 'floor') }} {{ 7 | round(2) }} § 20 20 10.0 7",
                "{{ (0 - 0.4) | round }} {{ (0 - 0.4) | round(0, 'ceil') }} {{ '%.1f' % (0 - 0.04) }} {{ '{:.0f}'.format(0 - 0.4) }} § -0.0 0.0 -0.0 -0",
                "{{ 1.0 // 0.1 }} {{ 1e20 % 3 }} {{ 7.5 // 1e400 }} {{ (0 - 7.5) // 1e400 }} {{ (0 - 7.5) % 1e400 }} {{ 6.0 % (0 - 3) }} {{ (0 - 1.0) // (0 - 3) }} § 9.0 1.0 0.0 -1.0 inf -0.0 0.0",
                "{{ (1, 2) * 2 }} {{ 2 * (1,) }} {{ () * 3 }} {{ (1, 2) * 0 }} § (1, 2, 1, 2) (1, 1) () ()",
                "{{ '%x' % (0 - 255) }} {{ '%o' % (0 - 8) }} {{ '{:X}'.format(0 - 255) }} § -ff -10 -FF",
                "|{{ '%05s|%05r|%05d' % ('ab', 'a', 3) }} {{ '{:05}|{:05}'.format('ab', 0 - 3) }} § |   ab|  'a'|00003 ab000|-0003",
                "|{{ '% d|% d|%+ d|%-+4d|' % (3, 0 - 3, 3, 3) }}{{ '{: }|{: .1f}|{:-}'.format(1, 2, 3) }} § | 3|-3|+3|+3  | 1| 2.0|3",
                "{{ '%.3d|%5.3d|%.3x|%.3d|%.1d' % (5, 5, 0 - 10, 12345, 0) }} § 005|  005|-00a|12345|0",
                "{{ '%f|%5.1f|' % (1e400, 0 - 1e400) }} § inf| -inf|",
                "{{ [{'a': {'b': 1}}, {'a': {}}, {}] | map(attribute='a.b', default='-') | join }} § 1--",
                "{{ [{'n': 1}, {}] | map(attribute='n', default=none) | map('default', 'gone') | join(',') }} § 1,gone",
                "{{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ {'b': 1, 'a': 2} | dictsort(by='key') }} § [('b', 1), ('a', 2)] [('a', 2), ('b', 1)]",
                "{{ missing | items | list }} {{ 'abc'.startswith(('x', 'y')) }} {{ 'abc'.endswith(('c',)) }} § [] False True",
                "{{ (1e308 * 10 - 1e308 * 10) | int(7) }} {{ '99999999999999999999' | int | float }} § 7 1e+20",
            })
    void rendersAsJinja2Does(String source, String expected) {
        assertEquals(
                expected,
                Template.parse(source)
                        .render(VALUES, ZonedDateTime.now())
                        .text()
                        .strip());
    }

    /** Which would else print something that Jinja2 does not. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ 'abc'.index('x') }}",
                "{{ 'abc'.rindex('x') }}",
                "{{ '{'.format() }}",
                "{{ '}'.format() }}",
                "{{ 0 ** (0 - 1) }}",
                "{{ 0.0 ** (0 - 1.5) }}",
                "{{ 1.5 % 0 }}",
                "{{ 2.5 | round(1, 'up') }}",
                "{{ {'a': 1} | dictsort(by='size') }}",
                "{{ [{'n': 1}] | map(attribute='n', other=1) | list }}",
                "{{ '%(x)s' % {'a': 1} }}",
                "{{ '%(items)s' % {'a': 1} }}",
                "{{ '%(a)s' % 5 }}",
                "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}",
            })
    void refusesWhatJinja2Refuses(String source) {
        Template template = Template.parse(source);
        assertThrows(TemplateException.class, () -> template.render(VALUES, ZonedDateTime.now()));
    }
}
