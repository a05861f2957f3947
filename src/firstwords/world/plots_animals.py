"""Plots whose heroes are animals of the wood, the river and the farm. The language is described in `plots.py`."""

TEXT = """
# small helps big
hero: mouse squirrel rabbit hare
other: bear deer fox badger
when: mild autumn
slot: thing = net / rope / string / bush / basket / ribbon / sack
slot-: part = foot / leg / head
title: Small and Strong | {Tc} Is Not Too Small | The Biggest Little Helper
* {When}, {a} wanted to play with {o1}. "You are too small," said {o}. | {When}, {a} met {o1}. "Go away, you are too small to play
  with me," {o} said. | "I want to help you," {a} said to {o1} {weather_on}. {O} laughed. "You? You are too small!"
+ {H} went away with {his} head down. "I will never be big," {he} thought. | "Small ones have ideas too," said {h}, but {o} did not
  listen. | {H} stood on {his} toes, but {he} was still small.
* Then {he} heard a cry. {O} hung in {a_thing} with one {part}! | But soon there was a loud cry in the wood. {O} was caught in
  {a_thing}! | A little later {he} heard somebody call for help. {O}'s {part} was caught in {a_thing}.
+ {O} pulled and pulled, but it only became tighter. | "I am so strong," said {o}, "but I cannot get out." | {O} cried because it
  hurt.
~
* "Hold still," said {h}, and {he} began to bite with {his} sharp teeth. | "Wait, I am coming!" said {h}. {He} had small teeth, but
  they were sharp. | {H} was not angry any more. {He} took the {thing} between {his} teeth and bit.
* {He} bit and bit until the {thing} broke and {o} was free. | It took a long time. Then there was a crack, and {o} was free. | Bit by bit
  the {thing} came apart, and {o} could go.
~
* "Thank you," said {o}. "I was wrong. You are small, but you are great." | {O} looked at the ground. "I was not kind to you," {ohe} said,
  "and you helped me." | "You are the strongest of all of us," said {o}.
+ "You are strong, but strong was not enough," said {h}. "It needed small teeth." | "Do we play now?" asked {h}. "What do you want to play?" asked {o}.
+ Then they played hide and seek, and {h} won every time, because {he} was so small. | And {o} carried {h} home on {ohis} back, so that
  everybody could see it. | From then on, {o} never said "too small" again.
sum: {H} was too small for {o}, but then {he} freed {o} from {a_thing}.
q: What was {o} caught in? = {O} was caught in {a_thing}.
q: Who helped {o}? = {H} helped {o}.
q: How did {h} free {o}? = {H} freed {o} with {his} sharp teeth.

# moon in the pond
hero: fox hare rabbit badger bear pig goat lamb donkey deer
other: owl duck frog turtle
mood: funny
when: mild hot
day: night
words: moon pond
slot: tool = bucket / net / spoon / rope / basket / pot / cup / pan / stick / boot
title: The Moon in the Pond | {Tc} Saves the Moon | Somebody Lost the Moon
* {When}, {a} came to the Duck Pond and saw the moon in the water. | {When}, {a} was thirsty and went to the Duck Pond. There lay
  the moon in the water! | {A} came to the Duck Pond {weather_on}. The moon was in the water, round and yellow.
* "The moon has fallen into the pond!" cried {h}. "It will get wet!" | "Help, the moon has fallen from the sky!" {he} shouted.
  | "Poor moon!" said {h}. "It must be very cold in there."
+ {He} ran up and down. "Without the moon the night will be dark for ever." | "Do not be afraid, moon! I am coming!" {he} called.
* So {he} took an old {tool} and tried to get the moon out. | {H} found {a_tool} and tried to pull the moon out with it. | In the
  grass lay {a_tool}. "That will do," said {h}, and {he} tried to catch the moon with it.
+ But the moon broke into a hundred pieces! | Splash! And the moon fell to pieces. | The water shook, and the moon became
  a lot of little moons.
+ "Now I have broken it," {he} cried, and a tear fell into the pond. | {H} sat down and did not dare to look. | "I am so sorry,
  moon," said {h}. "I wanted to help."
~
* {O1} had seen everything. "Look up," said {o}. | There came {o1} and asked, "Have you looked at the sky?" | "What are you doing
  there?" asked {o1}. "Look over your head!"
* {H} looked up. There was the moon, and it was whole and dry. | The moon stood high in the sky and smiled. | And there was the
  moon above the trees, just as round as before.
+ "Then who is in the water?" asked {h}. "That is only its picture," said {o}. | "The water is a mirror," said {o}. "The moon likes
  to look at itself."
* "I did it!" cried {h}. "I have put it back!" And {o} did not say a word. | "How good that I saved it," said {h} and was very
  proud. {O} only laughed a little. | "It climbed back up because I was so kind to it," said {h}, and {he} went home happy.
sum: {H} thought that the moon had fallen into the pond and tried to save it.
q: What did {h} see in the water? = {H} saw the moon in the water.
q: Where was it? = It was at the Duck Pond.
q: Where was the moon really? = The moon was in the sky.

# the hidden nuts
hero: squirrel mouse
other: robin sparrow crow
when: autumn
words: winter spring
slot: food = nuts / seeds / acorns / beans / peas / chestnuts
title: The Forgotten {t_food} | {Tc} and the {t_food} | A Good Mistake
* {When}, {a} hid a big heap of {food} for the winter. | {When}, {a} collected {food}, because winter was near. {He} hid them in
  the earth. | {A} had found many {food}. So {he} dug a hole for them {weather_on} and thought of the winter.
+ "Nobody will find them here," {he} said and put leaves on top. | {He} hid them so well that nobody could see a thing.
  | "I will know the place again," {he} said. "It is near the tree." But there were a thousand trees.
* Then winter came, and {h} forgot the place. | But when the snow came, {he} could not find the place again. | Winter came, and
  everything was white. Where were the {food}?
+ {He} dug here, and {he} dug there. {He} found a stone and an old shoe. | {His} stomach was as empty as a drum.
+ {H} was hungry and sat in the snow and cried. | "What shall I eat now?" {he} said, and a tear froze on {his} nose.
~
* {O1} saw it. "I have enough for two," said {o}. | "Come to me," said {o1}. "I have some food, and it is better to eat together."
  | {O1} heard it and brought {him} a bit of dry bread. "We will share what I have."
* So they shared everything, and the winter was short. | They ate a little every day and told each other stories, until the snow
  was gone. | And so they came through the winter, not fat, but merry.
~
* In spring, a row of little green plants came out of the earth. | When spring came, {h} saw small green leaves. | In spring they
  found something green that had not been there before.
* "Those are my {food}!" cried {h}. "I planted them by mistake!" | "So that is where I hid my {food}!" said {h}, and they had to
  laugh. | "Your {food}!" said {o}. "They have become a garden!"
+ "One day there will be enough for all," said {h}, and half of it was for {o}. | "The next ones are for both of us," said {h}.
  | From then on, they hid everything together, and two of them knew the place.
sum: {H} forgot where the {food} were, so {o} shared with {him}, and in spring the {food} grew.
q: What did {h} hide? = {H} hid {food}.
q: Who shared the food with {h}? = {O} shared the food with {h}.
q: What came out of the earth in spring? = Little green plants came out of the earth.

# room for one more
hero: mouse frog snail hedgehog rabbit
other: robin sparrow squirrel
third: fox badger hare
when: rain
words: rain
slot: roof = mushroom / umbrella / boat / cart / table / bench / bush / tent / wagon / bridge / blanket
title: Room for One More | Under the {t_roof} | {Tc} in the Rain
* {When}, the rain fell hard, and {a} sat under {a_roof}. | {When}, {a} ran from the rain and hid under {a_roof}. | It was {day}, and
  the rain did not stop. {A} sat dry under {a_roof}.
* Then {o1} came. "I am so wet," said {o}. "Is there room for me?" | "May I come in?" asked {o1}. Water ran from {ohis} nose.
  | Soon {o1} stood there and shook with cold. "Can I come under the {roof} too?"
* "It is small," said {h}, "but come in." | {H} made {self} very thin. "There is room for two," {he} said. | "Come in," said {h}.
  "We only have to sit close."
~
* Then {p1} came along, and {phe} was very wet too. | After that there was {p1}. "And me?" asked {p}. | Then somebody coughed.
  It was {p1}, as wet as a fish.
+ {O} whispered, "{Phe} is much too big!" | "No, no," said {o}. "There is no room!" | {O} did not like it. "We are
  full," {ohe} said.
* But {h} said, "There is always room for one more." | "If we sit very close, it will do," said {h}. | {H} thought for a moment.
  "Nobody has to stand in the rain," {he} said.
* So they sat close together, and because there were three of them, it was warm. | They sat nose to nose and tail to tail, and
  nobody was cold any more. | It was so narrow that they could only laugh. But it was warm.
~
+ {P} told a story, {o} sang a song, and the time passed quickly. | They heard the rain drum on the {roof}, and it was like music.
+ When the sun came out, nobody wanted to leave. | At last the rain stopped. "What a pity," said {p}. | Then there was a rainbow
  over the meadow, and three friends walked under it.
+ And since then, they always met there when it rained.
sum: {H} sat under {a_roof} in the rain and made room for {o} and {p}.
q: Where did {h} sit? = {H} sat under {a_roof}.
q: Who came first? = {O} came first.
q: Why was it warm? = It was warm because they sat close together.

# nobody hugs the hedgehog
hero: hedgehog
other: turtle snail
third: fox hare squirrel rabbit
mood: sad
when: mild autumn
slot: thing = cherries / leaves / apples / flowers / berries / plums / pears / nuts
title: A Hug for the Hedgehog | The Prickly Friend | Nobody Hugs the Hedgehog
* {When}, {a} wanted a hug. | {When}, {a} felt so happy that he wanted to hug somebody. | {A} had never been hugged in his life. That
  made him sad {weather_on}.
* But {p1} said, "Ouch! You prick me!" and ran away. | He asked {p1}. "No, no," said {p}. "You are like a pillow full of needles."
  | {P1} jumped back. "You hurt me with your needles!" {phe} cried.
+ "I do not mean to," said {h}. But nobody heard it. | {H} tried to make his needles flat, but they stood up again at once.
* So {h} went away and cried under a bush. | "Then I will stay alone," said {h}, and tears ran down his nose. | {H} rolled up into
  a ball, because he was so sad.
~
* {O1} came by, very slowly. "Why do you cry?" asked {o}. | There {o1} found him. "What is wrong with you?" asked {o}. | "Is that ball
  crying?" asked {o1}.
* "Because nobody wants to hug me," said {h}. "I am too prickly." | "I prick everybody," said {h}, "and so I never get a hug."
* "I do not mind," said {o}. "I have a hard shell." | "Look at me," said {o}. "I carry my house on my back. I feel no needles."
  | {O} laughed. "My shell is harder than your needles," {ohe} said.
~
* And {o} hugged the hedgehog for a long, long time. | So they hugged, the hard one and the prickly one. | And that was the
  first hug of his life, and it was a very long one.
+ Then {o} put {thing} on his needles. "And who else can carry so many {thing}?" {ohe} asked. | "Besides," said {o}, "you can
  carry {thing} on your back. I cannot do that."
+ "Now I know what a hug is," said {h}, and his heart was warm. | {H} smiled. There is a friend for everybody. | From that
  day on, {h} was never alone again, and {o} was not alone either.
sum: Nobody wanted to hug the hedgehog because he was prickly, but {o} had a hard shell and hugged him.
q: Why did nobody hug the hedgehog? = Nobody hugged him because he was prickly.
q: Who hugged him in the end? = {O} hugged him.
q: Why did the hug not hurt {o}? = It did not hurt because {o} had a hard shell.

# looking for mother
hero: rabbit lamb fox deer bear duck otter pig
other: owl crow turtle badger
mood: sad
when: mild grey
words: mother
slot: follow = butterfly / leaf / bee / feather / beetle / dragonfly / balloon / ball / wagon / cart
slot-: sign = a song / a warm voice / a call / a soft cry
title: Where Is Mother? | The Lost Little {Call} | {Tc} Finds the Way
* {When}, {a} ran after {a_follow} and lost {his} mother. | {When}, {a} followed {a_follow}. When {he} looked around, {his} mother was not
  there. | {A} saw {a_follow} {weather_on} and ran after it, farther and farther. Then {he} could not see {his} mother any more.
+ "Mother!" {he} called. But nobody answered. | "Where are you, Mother?" cried {h}. Only the wind answered. | {He} called and called,
  but {his} mother did not come.
+ All the trees looked the same, and the shadows grew long. | {He} ran to the left, and {he} ran to the right. Nothing smelled
  like home. | {He} thought of {his} soft bed, and {his} heart was heavy.
* Then {h} sat down and cried. | At last {he} lay down in the grass and cried. | {He} was so afraid that {he} cried.
~
* {O1} heard {him}. "Do not be afraid," said {o}. "I will help you." | "Who is crying here?" asked {o1}. "I have lost my
  mother," said {h}. | {O1} came and sat down beside {him}. "We will find her," {ohe} said.
+ "What is she like?" asked {o}. "She is warm, and she is the best of all," said {h}. | "What does she look like?" asked {o}. "She has soft ears, and she always finds me," said {h}. | "Tell me about her," said {o}. "She has brown eyes, and she sings in the evening," said {h}.
+ "That is not much," thought {o}, but {ohe} did not say so. | "That is enough for me," said {o}, although it was not.
* "We must not run around," said {o}. "We must be quiet and listen." | "Close your eyes," said {o}, "and listen to the wood."
~
* They sat still, and then {h} heard something: {sign}! | They listened for a long time. And there it was, from far away: {sign}.
* "Mother!" cried {h}. And {his} mother came running through the grass. | {H} ran as fast as {he} could, and there stood {his} mother.
  | It came nearer and nearer. It was {his} mother!
* She held {him} close and did not let {him} go for a long time. | "There you are," she said, and all the fear was gone. | "I
  looked for you everywhere," she said, and she kissed {his} wet nose.
+ "Thank you," said the mother to {o}. And {o} went away quietly and smiled. | That night {h} slept very close to {his} mother.
sum: {H} lost {his} mother because of {a_follow}, and {o} helped {him} to find her.
q: Why did {h} lose {his} mother? = {H} ran after {a_follow}.
q: Who helped {h}? = {O} helped {h}.
q: How did the story end? = {H} found {his} mother again.

# the big plop
hero: hare rabbit mouse squirrel deer
other: fox pig goat hen duck
third: bear badger donkey cow pony
mood: funny
when: autumn
slot: fruit = apple / pear / nut / plum / chestnut / branch / acorn / cone
title: The Big Plop | Run for Your Life! | The Terrible Plop
* {When}, {a} slept beside the pond. Suddenly there was a noise: plop! | {When}, {a} lay in the grass beside the water. "Plop!" it went
  behind {him}. | {A} was nearly asleep {weather_on}. Then something in the pond said, "Plop!"
* "The Plop is coming!" cried {h} and ran as fast as {he} could. | "Help! A Plop!" {he} shouted and ran away. | {H} had never met a
  Plop, but {he} ran. "Run!" {he} cried.
+ {He} ran so fast that {his} ears flew behind {him}. | {He} ran through the mud, through the corn and once around the hill.
~
* {O1} heard it. "What is a Plop?" "It is big, and it eats everything!" So {o} ran too. | On the way stood {o1}. "The Plop is
  coming!" {h} called. "How terrible!" said {o} and ran with {him}. | "Why are you running?" asked {o1}. "Because of the Plop!"
  Then {o} ran as well.
+ "It has ten legs," said {o} to everybody on the way. "And teeth like knives!" | "It is as big as a house," said {o}. "No,
  as big as two houses," said {h}. | With every step the Plop became bigger.
* At last they met {p1}. "Stop!" said {p}. "Who has seen the Plop?" | But {p1} did not run. "Have you seen it?" asked {p}. | {P1} stood in
  their way. "What does it look like?" {phe} asked.
+ "I have not seen it," said {o}. "I have only heard it," said {h}. | Nobody had seen it. They looked at the ground. | {H} looked at {o},
  and {o} looked at {h}. "Nobody has seen it," they said.
~
* So they went back to the pond together, very slowly. | {P} took them back to the water. | "Then let us look," said {p}, and they
  went back on tiptoe.
* Just then {a_fruit} fell into the water. "Plop!" | There, before their eyes, {a_fruit} fell into the pond. "Plop!" it went.
* First it was quiet, and then they laughed until their bellies hurt. | "What a dangerous {fruit}!" said {p}. And they all laughed.
  | "So that is your monster," said {p}. {H} became red up to the ears.
+ Since then, when one of them was afraid of something, they went to look at it first.
sum: {H} ran away from a noise, but it was only {a_fruit} that fell into the water.
q: What did {h} hear? = {H} heard a plop.
q: Who ran with {h}? = {O} ran with {h}.
q: What made the noise? = {A_fruit} made the noise.

# who ate it
hero: fox hare badger squirrel rabbit goat hen otter
other: bear pig donkey cow crow
third: owl robin frog
mood: funny
when: mild autumn
slot: food = cake / pie / bread / cheese / pumpkin / melon / honey / jam / salad / soup
slot-: sign = crumbs / a wet spot / three hairs / big tracks / a spoon / a broad trail
title: Who Ate the {t_food}? | The Detective of Owl Wood | {Tc} Finds Out
* {When}, {a} wanted to eat {his} {food}. But it was gone! | {When}, somebody ate all the {food} that {a} had saved for the evening. | {A} had some good {food}. Then
  {he} turned around, {weather_on}, and the {food} was gone.
* "A thief!" cried {h}. "I will find out who it was." | "Who was that?" shouted {h}. "I will find the thief!" | {H} put on a serious
  face. "Now I am a detective," {he} said.
+ First {he} asked {p1}. "It was not me," said {p}. "I only eat in the morning." | {He} met {p1}. "I have seen nothing," said {p},
  "but I heard somebody chew."
+ On the ground {he} found {sign}. | {He} looked at the ground and found {sign}. "Aha!" {he} said.
~
* Then {he} saw {o1}. "Did you eat my {food}?" "Mmmm," said {o} with a full mouth. | Behind a bush sat {o1} and had a very fat belly.
  "Was it you?" asked {h}. | Then {o1} came along. "Good morning," said {o}, and there was something on {ohis} nose. It was {food}!
+ "What is that on your nose?" asked {h}. "That is only the sun," said {o}. | {O} looked up at the sky and whistled. But it is hard
  to whistle with so much {food} in the mouth.
* {O} became red. "I was so hungry," {ohe} said. "I am sorry." | "I only wanted to try it," said {o}. "And then it was all gone." | "It was
  so good," said {o} quietly. "I could not stop. I am sorry."
~
+ "Next time, ask me," said {h}. "Then we will eat together." | {H} could not stay angry. "You only had to ask," {he} said.
* The next day {o} brought a big basket of berries, and they shared it. | So {o} went and picked berries for {h} until evening, and
  they ate them together. | To make it good again, {o} cooked for {h}. It tasted terrible, and they laughed a lot.
+ "Case closed," said the detective and licked {his} lips.
sum: {O} ate {h}'s {food}, but {ohe} said sorry and made it good again.
q: What was gone? = The {food} was gone.
q: Who ate the {food}? = {O} ate the {food}.
q: Why did {o} eat it? = {O} was very hungry, and it was very good.

# another colour
hero: crow mouse sparrow duck hen goat donkey lamb frog pig
other: snail turtle mole hedgehog owl
third: fox rabbit squirrel otter
mood: funny
when: mild hot
words: rain
slot: colour, how = red, rolled in a heap of strawberries / blue, rolled in a heap of blueberries / yellow, rolled in
  yellow flowers / purple, sat down in a basket of plums / orange, jumped into a pot of pumpkin soup / red, jumped into a pot
  of red paint / blue, rolled in blue paint / gold, jumped into a pot of honey
title: The {t_colour} {Call} | {Tc} Wants to Be {t_colour} | Not Quite {Call}
* {When}, {a} said, "I am dull. I want to be {colour}!" | {When}, {a} looked into the water. "I do not like my colour," {he} said. "I want to
  be {colour}." | {A} wanted to be {colour}. "{Colour} is much more beautiful," {he} said {weather_on}.
* So {he} {how}. | {He} {how}, and really, {he} became {colour}. | {He} thought about it, and then {he} {how}.
+ "Now I am the most beautiful {call} of all," {he} said and walked up and down. | It was sticky, and flies came. But {h} was proud.
~
* But {p1} did not know {him}. "Who are you?" asked {p}. "I am waiting for my friend, {h}." | {He} went to {p1}. "Go away, stranger," said {p}.
  "I only play with my friend, {h}." | {P1} ran away from {him}. "Help!" cried {p}. "A {colour} monster!"
+ "But it is me!" said {h}. "My friend is not {colour}," said {p} and shook {phis} head.
+ {H} was sad. "Nobody knows me any more," {he} told {o1}. | "I am so beautiful, and I am so alone," {h} said to {o1}. | Then {he} met {o1}.
  "Why are you sad in such a fine colour?" asked {o}.
+ "I know you by your voice," said {o}. "Wait, it will rain soon." | {O} looked at the clouds. "I think that the sky will help you,"
  {ohe} said. | "I liked you as you were," said {o}. "Stay out in the rain for a while."
~
* And the rain came and washed all the {colour} away. | Soon the rain fell, and the {colour} ran down {his} legs into the grass. | Then
  a warm rain fell. Drop by drop, {h} became {self} again.
* "There you are!" cried {p}. "Where have you been? A {colour} stranger was here." | {P} came running. "I have missed you!" {phe} said.
  | "My friend!" said {p}. "You will not believe it. I saw a {colour} monster!"
* {H} laughed and never wanted another colour again. | And {h} was happy to be {h}. | {H} only smiled and said nothing.
sum: {H} wanted to be {colour}, but then {his} friend did not know {him} until the rain washed the colour away.
q: What colour did {h} want to be? = {H} wanted to be {colour}.
q: Who did not know {h}? = {P} did not know {h}.
q: What washed the colour away? = The rain washed the colour away.

# slow and careful
hero: turtle snail hedgehog mole
other: hare fox pony rabbit
third: bear badger deer cow
when: mild autumn
slot: load = soup / milk / tea / juice / water / broth / lemonade
slot-: cup = cup / bowl / pot / jar
title: Slow and Careful | {Tc} Brings the {t_load} | Not a Drop
* {When}, {p1} lay sick at home and asked for some {load}. | {When}, {p1} was ill. "I would like some {load}," said {p}. | {P1} had a cold.
  It was {day}, and somebody had to bring {phim} some {load}.
* {O1} said, "I am the fastest. I will bring it." | "I will do it!" cried {o1}. "Nobody is as quick as I am."
* {O} ran off with a full {cup}. But {ohe} ran so fast that nothing was left in it. | {O} took a full {cup} and ran. When {ohe} came there,
  the {cup} was empty. | But {o} jumped over every stone, and at the end all the {load} lay in the grass.
+ Three times {ohe} ran, and three times the {load} was on the path, on {ohis} legs and on {ohis} ears. | "Oh," said {o}. "It was full when
  I started."
~
* "May I try?" asked {a}. | Then {a} said, "Let me do it." | {A} had seen it all. "I can do it," {he} said quietly.
+ "You?" laughed {o}. "You are the slowest of all!" | {O} had to laugh. "{P} will be well again before you come there!"
* But {h} went step by step and looked at the {cup} all the time. | {H} said nothing and set off, slowly, very slowly. | {H} took the {cup}
  on {his} back and went so carefully that nothing moved.
+ The sun went down, and the first stars came out. Still {h} went on. | A fly sat down on {his} nose, but {he} did not even
  shake {his} head.
~
* At last {he} stood in front of {p}, and not a drop was missing. | {H} came late, but the {cup} was full up to the top.
* {P} drank it all and soon felt better. "Thank you, my slow friend," said {p}. | "How good that is!" said {p}, and the next day {phe} was
  well again.
+ "You were right," said {o}. "Fast is not always better." | And {o} learned from {h} to walk slowly now and then.
+ Then they sat together, and {h} rested {his} tired legs.
sum: {O} was fast and lost all the {load}, but {h} was slow and careful and brought it to {p}.
q: Who was sick? = {P} was sick.
q: Why was the {cup} empty? = It was empty because {o} ran too fast.
q: Who brought the {load} in the end? = {H} brought the {load}.

# the first snow
hero: fox rabbit hare deer mouse squirrel
other: owl crow badger
mood: happy
when: snow
day: morning
words: snow
slot: guess = feathers / flour / sugar / salt / wool / stars / flowers / paper / milk / butterflies
title: The First Snow | {Tc} and the White Morning | Who Painted the Wood?
* {When}, {a} came out, and everything was white. It was {his} first winter. | {When}, {a} opened {his} eyes, and the whole wood was white. {He} had
  never seen that before. | {A} had never seen a winter. But {weather_on}, the world was suddenly white.
* "Who has thrown {guess} everywhere?" asked {h}. | "It is raining {guess}!" cried {h}. | "These must be {guess}," {he} thought.
* {He} tasted it. It was cold, and then it was gone. | {He} put {his} nose in it, and it tickled. | {He} caught a piece of it, but then
  there was only a drop of water.
+ {He} took a step and looked back. There was a hole behind {him}! "Somebody is following me," {he} said. | It was so quiet that {he} could
  hear {his} own breath. | "The path is gone!" said {h}. "And the grass, and the flowers!"
* {H} was a little afraid. "Is the wood broken?" {he} asked {o1}. | "Is it bad?" {he} asked {o1}. "Will it stay for ever?" | {He} ran to {o1}.
  "Somebody has taken all the colours away!" {he} cried.
~
* "No," laughed {o}. "That is snow. The wood is only asleep under it." | "That is only snow," said {o}. "It is a blanket for the earth."
  | {O} smiled. "It is snow, and it comes every year."
+ "And when will the wood wake up?" "In spring, when the first flower comes." | "And what can you do with it?" asked {h}. "Everything,"
  said {o}.
* Then {h} jumped into the deepest snow and was not afraid any more. | Then {h} ran and rolled and jumped until {he} was white too.
  | {H} slid down the hill, and then once more, and ten times more.
+ {O} watched it and nearly jumped in too. | Soon there were tracks everywhere, in circles and rings.
* "I hope it stays until tomorrow," said {h}. | In the evening {he} fell asleep and dreamed of white hills. | "Winter is nice,"
  {he} said, "if somebody tells you what it is."
sum: {H} saw snow for the first time, and {o} told {him} what it was.
q: What did {h} see for the first time? = {H} saw snow for the first time.
q: Who told {h} about the snow? = {O} told {h} about the snow.
q: What did {h} think it was? = {H} thought of {guess}.

# the wide world
hero: farm
other: owl hedgehog fox badger crow
when: mild hot
words: farm
slot: want = mountain / sea / castle / city / lighthouse / island / desert / palace / circus / volcano
slot-: bed = a bush / a wet stone / an old tree / a hedge / a little bridge
title: {Tc} Goes into the World | Far from the Farm | The Way to the {t_want}
* {When}, {a} did not want to stay on the Green Farm any more. | {When}, {a} said, "I am going out into the world!" and left the Green Farm.
  | {A} was bored on the Green Farm. So {he} left, {weather_on}.
* "I want to see {a_want}," {he} said. | "I am going to find {a_want}," {he} told the others.
+ {He} pushed the gate open and went down the road with {his} head up high. | The others stood at the fence and looked after {him} for
  a long time. | "Farewell," {he} called. "I will think of you when I am famous."
+ {He} went over the bridge and along the river until it was evening. | {He} walked all day, past fields and hills. | {He} went up a
  hill and down a hill, and then it was dark.
* It began to rain, and {his} bed was under {bed}. | In the night it was cold, and {he} lay under {bed}. | {He} was hungry, and {he} had to
  sleep under {bed}.
~
* There {he} met {o1}. "Why are you so sad?" asked {o}. | Then {o1} came. "What are you doing here?" {ohe} asked. | {O1} sat there too. "You
  are far from home," {ohe} said.
* "I am looking for {a_want}," said {h}. "But I miss my warm straw." | "I wanted to see {a_want}," said {h}, "and now I only think
  of the farm."
+ "What is it like, your farm?" asked {o}. And {h} told about the hay, the friends and the songs in the evening. {He} could not stop. | "Is there
  somebody who waits for you?" asked {o}. {H} nodded, and a tear fell.
+ "Then you know now where you belong," said {o}. | "The world can wait," said {o}. "Friends do not like to wait." | "You had to go away to
  see how good it is at home," said {o}.
~
* In the morning {o} showed {him} the way, and {h} ran home. | So {h} turned around, and {o} went with {him} for a while.
* How happy the others were! They danced around {him} in the yard. | All the animals ran to the gate. "You are back!" they cried. | At home
  there was fresh straw and a big supper for {him}.
+ "Did you see {a_want}?" they asked. "I saw something better," said {h}. "I saw our gate."
sum: {H} left the farm to find {a_want}, but then {he} missed {his} home and went back.
q: Where did {h} live? = {H} lived on the Green Farm.
q: What did {h} want to see? = {H} wanted to see {a_want}.
q: Why did {h} go back? = {H} went back because {he} missed {his} home.
"""
