package org.loft4j.data.jinja;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code macro}, and the body of {@code call}.
 *
 * @param parameters names in order, with their defaults
 * @param outside the frame that the macro stands in
 */
record Macro(String name, Map<String, @Nullable Expression> parameters, Statement body, Frame outside)
        implements Callable {
    @Override
    public Object call(Arguments arguments) {
        Frame frame = outside.captured();
        int index = 0;
        for (Map.Entry<String, @Nullable Expression> parameter : parameters.entrySet()) {
            String key = parameter.getKey();
            Expression otherwise = parameter.getValue();
            if (arguments.has(index, key)) {
                frame.set(key, arguments.get(index, key, null));
            } else {
                frame.set(key, otherwise == null ? Undefined.name(key) : otherwise.evaluate(frame));
            }
            index++;
        }
        if (arguments.values().size() > parameters.size()) {
            throw new TemplateException("macro '" + name + "' takes not more than " + parameters.size() + " arguments");
        }
        for (Map.Entry<String, @Nullable Object> named : arguments.named().entrySet()) {
            if (named.getKey().equals("caller")) {
                frame.set("caller", named.getValue());
            } else if (!parameters.containsKey(named.getKey())) {
                throw new TemplateException("macro '" + name + "' takes no argument '" + named.getKey() + "'");
            }
        }
        frame.rendering.enter();
        int line = frame.rendering.line;
        body.run(frame);
        frame.rendering.line = line;
        frame.rendering.leave();
        return frame.output.toString();
    }
}
