package org.loft4j.data.jinja;

import java.time.ZonedDateTime;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A parsed template, with the options that chat templates are written for: a line that holds a statement alone leaves no line
 * behind ({@code trim_blocks}, {@code lstrip_blocks}), {@code break} and {@code continue}, {@code generation} blocks. There is no
 * escaping, and nothing can be included, imported or changed but a namespace.
 *
 * <p>Semantics: Jinja 2's documentation, "Template Designer Documentation"; values behave as Python's.
 */
public final class Template {
    private static final int LONGEST = 1 << 20;

    private final Statement body;

    private Template(Statement body) {
        this.body = body;
    }

    /**
     * Parses a template.
     *
     * @throws TemplateException with the line that cannot be read
     */
    public static Template parse(String source) {
        if (source.length() > LONGEST) {
            throw new TemplateException("has more than " + LONGEST + " characters: not a chat template", 1);
        }
        try {
            return new Template(new Parser(Lexer.tokens(source)).template());
        } catch (StackOverflowError e) {
            throw new TemplateException("is nested too deep", 1, e);
        }
    }

    /**
     * Renders the template. Several threads may render at once.
     *
     * @param variables null, Boolean, Long, Double, String, List and Map of these
     * @param now what {@code strftime_now} prints
     * @throws TemplateException with the line that failed, or that raised an exception, or at which the work became too much
     */
    public Rendered render(Map<String, ? extends @Nullable Object> variables, ZonedDateTime now) {
        Rendering rendering = new Rendering(now);
        Frame globals = new Frame(rendering, new StringBuilder(), null);
        Globals.define(globals);
        variables.forEach(globals::set);
        Frame frame = globals.inner();
        try {
            body.run(frame);
            return new Rendered(frame.output.toString(), rendering.generated());
        } catch (TemplateException e) {
            throw e.line() > 0 ? e : new TemplateException(String.valueOf(e.getMessage()), rendering.line, e);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            // what strangers write may do what nobody here has thought of
            throw new TemplateException("cannot be computed: " + e, rendering.line, e);
        }
    }
}
