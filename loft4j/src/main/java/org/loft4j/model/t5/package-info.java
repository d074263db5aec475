/** T5 and mT5: Raffel et al. 2019 (arXiv:1910.10683), Xue et al. 2020 (arXiv:2010.11934). */
@NullMarked
package org.loft4j.model.t5;

import org.jspecify.annotations.NullMarked;
