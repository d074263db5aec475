package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.loft4j.hostile.HostileFormat;

/** Templates, parsed and rendered: bounded in steps, in text and in depth. */
class DamagedChatTemplateTest implements HostileFormat {
    private static final List<String> TEMPLATES = List.of("""
            {%- set ns = namespace(multi_step_tool=true, last=messages|length - 1) -%}
            {%- macro turn(role, content) -%}
              <|im_start|>{{ role }}
              {{ content | trim }}<|im_end|>
            {% endmacro -%}
            {% if tools %}{{ tools | tojson(indent=2) }}{% endif %}
            {% for message in messages[::-1] %}
              {%- set index = (messages|length - 1) - loop.index0 %}
              {%- if ns.multi_step_tool and message.role == "user" and not(message.content.startswith('<x>') and message.content.endswith('</x>')) %}
                {%- set ns.multi_step_tool = false %}{%- set ns.last = index %}
              {%- endif %}
            {%- endfor %}
            {% for message in messages -%}
              {{ turn(message.role, message.content.split('</think>')[-1].lstrip('\\n')) }}{% generation %}{{ "%s-%05d" % (message.role, loop.index) }}{% endgeneration %}
            {%- endfor %}
            {% if add_generation_prompt %}<|im_start|>assistant{{ '\\n' }}{% endif %}
            """, """
            {{ bos_token }}{% for m in messages if m['role'] != 'system' %}{% set a = 'abc' * 3 ~ loop.index %}
            {{ a.upper().replace('A', 'bb', 2).center(20, '*') }} {{ [1, 2.5, none, (1, 2), {'k': [a, a]}] | list }}
            {{ range(10) | map('string') | join(', ') }} {{ messages | map(attribute='content') | list | length }}
            {{ m.content | indent(4) | title | replace('e', 'ee') | wordcount }} {{ 7 // 2 ** 3 % 5 - -1 }} {{ 1.5 | round(1) | int }}
            {{ messages | selectattr('role', 'equalto', 'user') | first | tojson }} {{ 'a,b'.split(',') | sort(reverse=true) | unique | list }}
            {% filter upper %}x{{ "{:>8.2f}".format(3.14159) }}{% endfilter %}{% with q = 3 %}{{ q is odd }}{% endwith %}
            {{ strftime_now('%d %B %Y') }} {{ m.content[1:-1:2] }} {{ 'x' in m.content }} {{ m is mapping and m.content is string }}
            {% else %}none{% endfor %}{% if not messages %}{{ raise_exception('no messages') }}{% endif %}
            """);

    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < TEMPLATES.size(); i++) {
            Path directory = Files.createDirectory(folder.resolve("model" + i));
            files.add(Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATES.get(i)));
        }
        return files;
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        List<Message> messages = List.of(
                Message.of("system", "Be kind."),
                Message.of("user", "Hé, what is " + "a".repeat(500) + "?"),
                Message.of("assistant", "<think>\nhm\n</think>\n\nIt is."));
        ChatTemplate template = ChatTemplate.open(damaged.getParent());
        template.render(messages, true, Map.of("tools", List.of(Map.of("name", "f", "parameters", List.of(1L, 2L)))));
    }

    @Override
    public List<String> words() {
        return List.of(
                "{%",
                "%}",
                "{{",
                "}}",
                "{% for x in range(99999) %}",
                "{% for y in range(99999) %}{% for z in range(99999) %}",
                "{% endfor %}",
                "{% endif %}",
                "{% set ns.a = [ns.a, ns.a] %}",
                "{% set ns.a = ns.a ~ ns.a %}",
                "{% set ns.a = ns.a + ns.a %}",
                "{% set a = [a, a] %}",
                "{% set a = 'a' * 9999999 %}",
                "{{ ns.a == ns.a }}",
                "{{ ('a' * 999999) in ('a' * 999999 ~ 'b') }}",
                "{{ ('a' * 999999).replace('a', 'a' * 999999) }}",
                "{{ '1' * 99999 ~ 'x' | int }}",
                "{{ turn(turn, turn) }}",
                "{% macro turn(role, content) %}{{ turn(role, content) }}{{ turn(role, content) }}{% endmacro %}",
                "{{ ''.__class__.__mro__ }}",
                "{{ messages.__class__ }}",
                "{{ messages.getClass().forName('java.lang.Runtime') }}",
                "{{ self.__init__.__globals__ }}",
                "{% include '/etc/passwd' %}",
                "{% import 'os' as os %}",
                "| tojson",
                "| list",
                "| sort",
                "| join",
                "| string",
                "| length",
                "| batch(1)",
                "| indent(999999)",
                ".center(99999999)",
                ".zfill(99999999)",
                ".99999999999999999999",
                "[::0]",
                "'%999999d'",
                "'{:999999}'",
                "loop.cycle",
                "messages",
                "not",
                "in",
                "is",
                "if",
                "else",
                "and",
                "(",
                ")",
                "[",
                "]",
                "**",
                "'\\ud800'",
                "'\\x'");
    }
}
