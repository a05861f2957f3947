"""Plots whose heroes are animals: help, kindness, comfort. The language is described in `plots.py`."""

TEXT = """
# small helps big
hero: mouse squirrel rabbit hare
other: bear deer fox badger
when: mild autumn
slot: thing = net / rope / string / bush / basket / ribbon / sack
slot-: part = foot / leg / head
title: Small and Strong | {Tc} Is Not Too Small | The Biggest Little Helper
* {When}, {a} wanted to play with {o1}. "You are too small," said {o}. | {When}, {a} met {o1}. "Go away, you
  are too small to play with me," {o} said. | "I want to help you," {a} said to {o1} {weather_on}. {O}
  laughed. "You? You are too small!"
+ {H} went away with {his} head down. "I will never be big," {he} thought. | "Small ones have ideas too,"
  said {h}, but {o} did not listen. | {H} stood on {his} toes, but {he} was still small.
* Then {he} heard a cry. {O} hung in {a_thing} with one {part}! | But soon there was a loud cry in the wood.
  {O} was caught in {a_thing}! | A little later {he} heard somebody call for help. {O}'s {part} was caught
  in {a_thing}.
+ {O} pulled and pulled, but it only became tighter. | "I am so strong," said {o}, "but I cannot get out." |
  {O} cried because it hurt.
~
* "Hold still," said {h}, and {he} began to bite with {his} sharp teeth. | "Wait, I am coming!" said {h}.
  {He} had small teeth, but they were sharp. | {H} was not angry any more. {He} took the {thing} between
  {his} teeth and bit.
* {He} bit and bit until the {thing} broke and {o} was free. | It took a long time. Then there was a crack,
  and {o} was free. | Bit by bit the {thing} came apart, and {o} could go.
~
* "Thank you," said {o}. "I was wrong. You are small, but you are great." | {O} looked at the ground. "I was
  not kind to you," {ohe} said, "and you helped me." | "You are the strongest of all of us," said {o}.
+ "You are strong, but strong was not enough," said {h}. "It needed small teeth." | "Do we play now?" asked
  {h}. "What do you want to play?" asked {o}.
+ Then they played hide and seek, and {h} won every time, because {he} was so small. | And {o} carried {h}
  home on {ohis} back, so that everybody could see it. | From then on, {o} never said "too small" again.
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
* {When}, {a} came to the Duck Pond and saw the moon in the water. | {When}, {a} was thirsty and went to the
  Duck Pond. There lay the moon in the water! | {A} came to the Duck Pond {weather_on}. The moon was in the
  water, round and yellow.
* "The moon has fallen into the pond!" cried {h}. "It will get wet!" | "Help, the moon has fallen from the
  sky!" {he} shouted. | "Poor moon!" said {h}. "It must be very cold in there."
+ {He} ran up and down. "Without the moon the night will be dark for ever." | "Do not be afraid, moon! I am
  coming!" {he} called.
* So {he} took an old {tool} and tried to get the moon out. | {H} found {a_tool} and tried to pull the moon
  out with it. | In the grass lay {a_tool}. "That will do," said {h}, and {he} tried to catch the moon with
  it.
+ But the moon broke into a hundred pieces! | Splash! And the moon fell to pieces. | The water shook, and
  the moon became a lot of little moons.
+ "Now I have broken it," {he} cried, and a tear fell into the pond. | {H} sat down and did not dare to
  look. | "I am so sorry, moon," said {h}. "I wanted to help."
~
* {O1} had seen everything. "Look up," said {o}. | There came {o1} and asked, "Have you looked at the sky?"
  | "What are you doing there?" asked {o1}. "Look over your head!"
* {H} looked up. There was the moon, and it was whole and dry. | The moon stood high in the sky and smiled.
  | And there was the moon above the trees, just as round as before.
+ "Then who is in the water?" asked {h}. "That is only its picture," said {o}. | "The water is a mirror,"
  said {o}. "The moon likes to look at itself."
* "I did it!" cried {h}. "I have put it back!" And {o} did not say a word. | "How good that I saved it,"
  said {h} and was very proud. {O} only laughed a little. | "It climbed back up because I was so kind to
  it," said {h}, and {he} went home happy.
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
* {When}, {a} hid a big heap of {food} for the winter. | {When}, {a} collected {food}, because winter was
  near. {He} hid them in the earth. | {A} had found many {food}. So {he} dug a hole for them {weather_on}
  and thought of the winter.
+ "Nobody will find them here," {he} said and put leaves on top. | {He} hid them so well that nobody could
  see a thing. | "I will know the place again," {he} said. "It is near the tree." But there were a thousand
  trees.
* Then winter came, and {h} forgot the place. | When the snow came, {he} could not find the place again.
  | Winter came, and everything was white. Where were the {food}?
+ {He} dug here, and {he} dug there. {He} found a stone and an old shoe. | {His} stomach was as empty as a
  drum.
+ {H} was hungry and sat in the snow and cried. | "What shall I eat now?" {he} said, and a tear froze on
  {his} nose.
~
* {O1} saw it. "I have enough for two," said {o}. | "Come to me," said {o1}. "I have some food, and it is
  better to eat together." | {O1} heard it and brought {him} a bit of dry bread. "We will share what I
  have."
* So they shared everything, and the winter was short. | They ate a little every day and told each other
  stories, until the snow was gone. | And so they came through the winter, not fat, but merry.
~
* In spring, a row of little green plants came out of the earth. | When spring came, {h} saw small green
  leaves. | In spring they found something green that had not been there before.
* "Those are my {food}!" cried {h}. "I planted them by mistake!" | "So that is where I hid my {food}!" said
  {h}, and they had to laugh. | "Your {food}!" said {o}. "They have become a garden!"
+ "One day there will be enough for all," said {h}, and half of it was for {o}. | "The next ones are for
  both of us," said {h}. | From then on, they hid everything together, and two of them knew the place.
sum: {H} forgot where the {food} were, so {o} shared with {him}, and in spring the {food} grew.
q: What did {h} hide? = {H} hid {food}.
q: Who shared the food with {h}? = {O} shared the food with {h}.
q: What came out of the earth in spring? = Something green came out of the earth.

# room for one more
hero: mouse frog snail hedgehog rabbit
other: robin sparrow squirrel
third: fox badger hare
when: rain
words: rain
slot: roof = mushroom / umbrella / boat / cart / table / bench / bush / tent / wagon / bridge / blanket
title: Room for One More | Under the {t_roof} | {Tc} in the Rain
* {When}, the rain fell hard, and {a} sat under {a_roof}. | {When}, {a} ran from the rain and hid under
  {a_roof}. | It was {day}, and the rain did not stop. {A} sat dry under {a_roof}.
* Then {o1} came. "I am so wet," said {o}. "Is there room for me?" | "May I come in?" asked {o1}. Water ran
  from {ohis} nose. | Soon {o1} stood there and shook with cold. "Can I come under the {roof} too?"
* "It is small," said {h}, "but come in." | {H} made {self} very thin. "There is room for two," {he} said. |
  "Come in," said {h}. "We only have to sit close."
~
* Then {p1} came along, and {phe} was very wet too. | After that there was {p1}. "And me?" asked {p}. | Then
  somebody coughed. It was {p1}, as wet as a fish.
+ {O} whispered, "{Phe} is much too big!" | "No, no," said {o}. "There is no room!" | {O} did not like it.
  "We are full," {ohe} said.
* But {h} said, "There is always room for one more." | "If we sit very close, it will do," said {h}. | {H}
  thought for a moment. "Nobody has to stand in the rain," {he} said.
* So they sat close together, and because there were three of them, it was warm. | They sat nose to nose and
  tail to tail, and nobody was cold any more. | It was so narrow that they could only laugh. But it was
  warm.
~
+ {P} told a story, {o} sang a song, and the time passed quickly. | They heard the rain drum on the {roof},
  and it was like music.
+ When the sun came out, nobody wanted to leave. | At last the rain stopped. "What a pity," said {p}. | Then
  there was a rainbow over the meadow, and three friends walked under it.
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
* {When}, {a} wanted a hug. | {When}, {a} felt so happy that he wanted to hug somebody. | {A} had never been
  hugged in his life. That made him sad {weather_on}.
* But {p1} said, "Ouch! You prick me!" and ran away. | He asked {p1}. "No, no," said {p}. "You are like a
  pillow full of needles." | {P1} jumped back. "You hurt me with your needles!" {phe} cried.
+ "I do not mean to," said {h}. But nobody heard it. | {H} tried to make his needles flat, but they stood up
  again at once.
* So {h} went away and cried under a bush. | "Then I will stay alone," said {h}, and tears ran down his
  nose. | {H} rolled up into a ball, because he was so sad.
~
* {O1} came by, very slowly. "Why do you cry?" asked {o}. | There {o1} found him. "What is wrong with you?"
  asked {o}. | "Is that ball crying?" asked {o1}.
* "Because nobody wants to hug me," said {h}. "I am too prickly." | "I prick everybody," said {h}, "and so I
  never get a hug."
* "I do not mind," said {o}. "I have a hard shell." | "Look at me," said {o}. "I carry my house on my back.
  I feel no needles." | {O} laughed. "My shell is harder than your needles," {ohe} said.
~
* And {o} hugged the hedgehog for a long, long time. | So they hugged, the hard one and the prickly one. |
  And that was the first hug of his life, and it was a very long one.
+ Then {o} put {thing} on his needles. "And who else can carry so many {thing}?" {ohe} asked. | "Besides,"
  said {o}, "you can carry {thing} on your back. I cannot do that."
+ "Now I know what a hug is," said {h}, and his heart was warm. | {H} smiled. There is a friend for
  everybody. | From that day on, {h} was never alone again, and {o} was not alone either.
sum: Nobody wanted to hug the hedgehog because he was prickly, but {o} had a hard shell and hugged him.
q: Why did nobody hug the hedgehog? = Nobody hugged him because he was prickly.
q: Who hugged him in the end? = {O} hugged him.
q: Why did the hug not hurt {o}? = It did not hurt because {o} had a hard shell.

# looking for mother
hero: rabbit lamb fox deer bear duck otter pig beaver goat pony
other: owl crow turtle badger
mood: sad
when: mild grey
words: mother
slot: follow = butterfly / leaf / bee / feather / beetle / dragonfly / balloon / ball / wagon / cart
slot-: sign = a song / a warm voice / a call / a soft cry
title: Where Is Mother? | The Lost Little {Call} | {Tc} Finds the Way
* {When}, {a} ran after {a_follow} and lost {his} mother. | {When}, {a} followed {a_follow}. When {he}
  looked around, {his} mother was not there. | {A} saw {a_follow} {weather_on} and ran after it, farther and
  farther. Then {he} could not see {his} mother any more.
+ "Mother!" {he} called. But nobody answered. | "Where are you, Mother?" cried {h}. Only the wind answered.
  | {He} called and called, but {his} mother did not come.
+ All the trees looked the same, and the shadows grew long. | {He} ran to the left, and {he} ran to the
  right. Nothing smelled like home. | {He} thought of {his} soft bed, and {his} heart was heavy.
* Then {h} sat down and cried. | At last {he} lay down in the grass and cried. | {He} was so afraid that
  {he} cried.
~
* {O1} heard {him}. "Do not be afraid," said {o}. "I will help you." | "Who is crying here?" asked {o1}. "I
  have lost my mother," said {h}. | {O1} came and sat down beside {him}. "We will find her," {ohe} said.
+ "What is she like?" asked {o}. "She is warm, and she is the best of all," said {h}. | "What does she look
  like?" asked {o}. "She has soft ears, and she always finds me," said {h}. | "Tell me about her," said {o}.
  "She has brown eyes, and she sings in the evening," said {h}.
+ "That is not much," thought {o}, but {ohe} did not say so. | "That is enough for me," said {o}, although
  it was not.
* "We must not run around," said {o}. "We must be quiet and listen." | "Close your eyes," said {o}, "and
  listen to the wood."
~
* They sat still, and then {h} heard something: {sign}! | They listened for a long time. And there it was,
  from far away: {sign}.
* "Mother!" cried {h}. And {his} mother came running through the grass. | {H} ran as fast as {he} could, and
  there stood {his} mother. | It came nearer and nearer. It was {his} mother!
* She held {him} close and did not let {him} go for a long time. | "There you are," she said, and all the
  fear was gone. | "I looked for you everywhere," she said, and she kissed {his} wet nose.
+ "Thank you," said the mother to {o}. And {o} went away quietly and smiled. | That night {h} slept very
  close to {his} mother.
sum: {H} lost {his} mother because of {a_follow}, and {o} helped {him} to find her.
q: Why did {h} lose {his} mother? = {H} ran after {a_follow}.
q: Who helped {h}? = {O} helped {h}.
q: How did the story end? = {H} found {his} mother again.
"""
