package org.loft4j.data.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateTest {
    private static Rendered render(String source) {
        return Template.parse(source).render(Map.of("text", "abc", "words", List.of("a", "b")), ZonedDateTime.now());
    }

    private static TemplateException fault(String source) {
        return assertThrows(TemplateException.class, () -> render(source));
    }

    @Test
    void generationBlocksAreFound() {
        Rendered rendered =
                render("x{% generation %}{{ text }}{% endgeneration %}y{%- generation -%} é {%- endgeneration %}");
        assertEquals("xabcyé", rendered.text());
        assertEquals(List.of(new Rendered.Span(1, 4), new Rendered.Span(5, 6)), rendered.generated());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a\\n{{ raise_exception('no \"tool\" here') }} | 2 | no \"tool\" here",
                "{% if text %}\\n\\n{{ missing.name }}\\n{% endif %} | 3 | 'missing' is undefined",
                "\\n{% for w in words %} | 2 | expected else or endfor, found the end of the template",
                "{{ text \\u007c nosuch }} | 1 | there is no filter 'nosuch'",
                "{% nosuch %} | 1 | unknown tag 'nosuch'",
                "\\n\\n{{ text is nosuch }} | 3 | there is no test 'nosuch'",
                "{{ text + 1 }} | 1 | 1 does not go with '+' and 'abc'",
                "{{ (text }} | 1 | unexpected '}'",
                "{% include 'other' %} | 1 | the tag 'include' is not for chat templates",
                "{% macro m() %}\\n{{ 1 // 0 }}\\n{% endmacro %}\\n\\n{{ m() }} | 2 | division by zero",
            })
    void faultsNameTheLine(String source, int line, String message) {
        TemplateException fault = fault(source.replace("\\n", "\n").replace("\\u007c", "|"));
        assertEquals(message, fault.getMessage());
        assertEquals(line, fault.line());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ text.__class__ }}",
                "{{ words.getClass() }}",
                "{{ text.class }}",
                "{{ text.bytes }}",
                "{{ words.__init__ }}",
                "{{ ''['class'] }}",
            })
    void nothingOfJavaIsReached(String source) {
        try {
            assertEquals("", render(source).text());
        } catch (TemplateException e) {
            assertTrue(e.getMessage().contains("has no element"), e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                "{{ range(1000000000) }}",
                "{{ 'x' * 1000000000000 }}",
                "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
                "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
                "{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}",
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "{{ 'a'.ljust(99999999999) }}",
                "{{ '%99999999d' % 1 }}",
                "{{ 9 ** 9 ** 9 ** 9 }}",
                "{{ 9223372036854775807 + 1 }}",
            })
    void workIsBounded(String source) {
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> fault(source));
    }

    @Test
    void deepNestingIsRefused() {
        fault("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}");
        fault("{{ " + "-".repeat(100_000) + "1 }}");
        fault("{{ " + "not ".repeat(100_000) + "(".repeat(1000) + " }}");
        fault("{% if 1 %}".repeat(10_000));
        fault("{{ 1" + " if 1 else 1".repeat(100_000) + " }}");
    }

    @Test
    void mappingsKeepTheirOrderAndChangeNowhere() {
        assertEquals("{'b': 1, 'a': 2}", render("{{ {'b': 1, 'a': 2} }}").text());
        assertEquals(
                "'append' would change a list, which templates may not",
                fault("{{ words.append(1) }}").getMessage());
    }

    /** A template's text must not depend on the machine that writes it. */
    @Test
    void digitsOfDatesAreThoseOfTheFormat() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        try {
            ZonedDateTime day = ZonedDateTime.of(2026, 2, 5, 0, 0, 0, 0, ZoneOffset.UTC);
            assertEquals(" 5 06 5", TimeFormat.format("%e %V %-d", day));
        } finally {
            Locale.setDefault(before);
        }
    }

    /** Of a Sunday evening, whose day has two digits, and of the first minutes of one that has one. */
    @Test
    void timesAreWrittenAsPythonWritesThem() {
        ZonedDateTime late = ZonedDateTime.of(2024, 12, 29, 23, 45, 6, 7_000_000, ZoneOffset.UTC);
        assertEquals("2024 24 12 29 23 11 45 06 007000 PM", TimeFormat.format("%Y %y %m %d %H %I %M %S %f %p", late));
        assertEquals("December Dec Dec Sunday Sun 364", TimeFormat.format("%B %b %h %A %a %j", late));
        assertEquals(
                "2024-12-29 23:45:06 23:45 12/29/24 12/29/24 23:45:06", TimeFormat.format("%F %T %R %D %x %X", late));
        assertEquals("29 7 0 52 [%\n\t] a%", TimeFormat.format("%e %u %w %V [%z%Z%%%n%t] a%", late));
        ZonedDateTime early = ZonedDateTime.of(2025, 1, 5, 0, 5, 0, 0, ZoneOffset.UTC);
        assertEquals("1736035500", TimeFormat.format("%s", early));
        assertEquals(
                "00 12 AM 005  5 000000 7 0 01 5 0 12 5 0 25",
                TimeFormat.format("%H %I %p %j %e %f %u %w %V %-j %-H %-I %-M %-S %-y", early));
    }

    @Test
    void placesOfGeneratedTextAreThoseOfTheWhole() {
        String marked = "{% generation %}A{% endgeneration %}";
        for (String plain : List.of(
                "ab" + marked,
                "{% for i in [1] %}ab{% if true %}" + marked + "{% endif %}{% endfor %}",
                "ab{% with x = 1 %}" + marked + "{% endwith %}")) {
            assertEquals(List.of(new Rendered.Span(2, 3)), generated(plain), plain);
        }
        for (String apart : List.of(
                "{% macro f() %}" + marked + "{% endmacro %}ab{{ f() }}",
                "{% macro f() %}{% for i in [1] %}" + marked + "{% endfor %}{% endmacro %}ab{{ f() }}",
                "ab{% set x %}" + marked + "{% endset %}{{ x }}",
                "ab{% filter lower %}" + marked + "{% endfilter %}",
                "{% macro f() %}{{ caller() }}{% endmacro %}ab{% call f() %}" + marked + "{% endcall %}",
                marked + "{% set x %}" + marked + "{% endset %}{{ x }}")) {
            assertEquals(List.of(), generated(apart), apart);
        }
    }

    private static List<Rendered.Span> generated(String source) {
        return Template.parse(source).render(Map.of(), ZonedDateTime.now()).generated();
    }

    /** Python's {@code islower} and {@code isupper}, and the filters' {@code case_sensitive=false}. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'' is lower | False",
                "'12' is lower | False",
                "'a1' is lower | True",
                "'A1' is upper | True",
                "'Aa' is upper | False",
                "none is upper | False",
                "(['b', 'A', 'c'] !max) ~ (['b', 'A', 'c'] !min) | cA",
                "(['b', 'A', 'c'] !min(case_sensitive=true)) ~ (['a', 'B'] !max(true)) | Aa",
                "([{'k': 2}, {'k': 3}, {'k': 1}] !max(attribute='k')).k | 3",
            })
    void caseCountsAsInPython(String expression, String text) {
        assertEquals(text, render("{{ " + expression.replace('!', '|') + " }}").text());
    }
}
