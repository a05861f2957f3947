"""Plots of the evening and the night: spooky, but kind. The language is described in `plots.py`."""

TEXT = """# noise in the dark
hero: child
other: family
mood: spooky-but-kind
when: wind fog rain
day: night
slot: beast = hedgehog / kitten / mouse / frog / owl / puppy / hen / squirrel / goose / rabbit
slot-: place, lay = in the cellar, behind the potatoes / under the stairs, behind an old box / in the attic,
  under an old blanket / in the kitchen, behind the bread box / in the shed, under a bucket
slot-: noise = scratch scratch / knock knock / tap tap tap / rustle rustle / bump bump
title: The Noise in the Night | {Tn} in the Dark | Who Is There?
* {When}, {a} woke up. There was a noise {place}. | {When}, {a} lay in bed and heard something {place}. | It
  was {day}. {A} was nearly asleep when there was a noise {place}.
+ "{Noise}," it went. Then it was quiet. Then again: "{Noise}." | "{Noise}!" What was that?
+ The house was as black as ink, and {h}'s heart beat fast. | {H} pulled the blanket over {his} nose. | The
  wind moved the curtain like a white hand.
* "A ghost!" whispered {h} and ran to {o1}. | {H} ran to {o1} with cold feet. "There is a monster!" {he}
  whispered. | "Is it a witch?" thought {h}, and {he} woke {o1}.
~
* {O} took a lamp. "Let us look together," {ohe} said. | "Let us say hello to it," said {o} and took a
  candle. | "I am with you," said {o}, and they took a lantern.
+ Step by step they went. Every board creaked. | {H} held {o}'s hand very tightly. | Their shadows walked on
  the wall like giants.
* And there, {lay}, sat {a_beast} with big round eyes! | They looked {lay}. There sat {a_beast}, and it was
  more afraid than they were. | The light fell on something small {lay}. It was {a_beast}!
~
+ "It came in because it was cold outside," said {o}. | "You are no ghost at all," said {h} and began to
  laugh. | "It has lost its way," said {o} quietly.
* They gave it a warm place and some water, and in the morning it went home. | {H} made it a bed in a
  basket, and in the morning they brought it back to its home. | They put it in a box with soft straw, and
  the next day they let it go.
+ And {h}? {He} slept until the sun came up. | After that, {h} was not so afraid of noises any more. | "Good
  night, little ghost," said {h}, and soon {he} was asleep.
slot-: tn = A Noise / A Guest / Something
sum: {H} heard a noise in the night, but it was only {a_beast}.
q: Where was the noise? = The noise was {place}.
q: Who went with {h}? = {O} went with {h}.
q: What made the noise? = It was {a_beast}.

# the monster under the bed
hero: child
mood: spooky-but-kind
when: rain wind snow fog
day: night
words: monster bed
slot: gift = cookie / blanket / candle / teddy / pillow / apple / lamp / sock / button / book
slot-: look = green and had three ears / blue and as soft as a cat / purple and had one big eye / grey and
  had feet like pancakes / pink and had a very long nose / yellow and as small as a loaf of bread
slot-: scare = children / the light / brooms / toes / cats / alarm clocks
title: The Monster under the Bed | A Guest for {T} | The Shy Monster
* {When}, {a} heard a voice under the bed. | {When}, {a} could not sleep, because something moved under the
  bed. | {A} lay in bed. It was {day}, and somebody was crying under the bed.
* {H} was afraid, but {he} looked. There sat a monster! | {He} took all {his} courage and looked. It was a
  monster! | Very slowly {he} looked under the bed. Two eyes looked back. It was a monster!
+ It was {look}. | The monster was {look}.
+ "Please do not scream," said the monster. "I have such a fear of noise." | "Do not eat me!" said {h}. "Do
  not eat me!" said the monster at the same time. | "Good evening," it said in a very small voice.
~
* "Why are you crying?" asked {h}. "I am afraid of {scare}," said the monster. | "What are you doing here?"
  asked {h}. "I am hiding," said the monster. "I am so afraid of {scare}." | "I hide here because I am
  afraid of {scare}," it said and cried.
+ {H} was surprised. "You, a monster, are afraid?" "All monsters are," it said. | {H} nearly laughed, but
  {he} did not, because that would not be kind. | "I know how that is," said {h}. "I am afraid of some
  things too."
* "You do not have to be afraid here," said {h}, and {he} gave it {a_gift}. | So {h} gave the monster
  {a_gift}. "Now you are not alone." | {H} thought about it and pushed {a_gift} under the bed. "That is for
  you."
~
* The monster smiled and fell asleep. It snored as quietly as a mouse. | "Thank you," said the monster. It
  yawned and closed its eyes. | The monster hugged {him} with its soft arms. Then it yawned.
+ In the morning it was gone, and on the floor lay a note: "Now I am brave." | In the morning nobody was
  there. But the bed was made, and that had been the monster. | From then on, both slept well, one in the
  bed and one under it.
sum: {H} found a shy monster under the bed and comforted it with {a_gift}.
q: Where was the monster? = The monster was under the bed.
q: What was the monster afraid of? = The monster was afraid of {scare}.
q: What did {h} give it? = {H} gave it {a_gift}.

# the white ghost
hero: child
other: friend
uses: friend
mood: spooky-but-kind
when: wind fog
day: evening
words: ghost white
slot: thing, why = sheet, somebody had forgotten to take the washing in / shirt, the wind had carried it
  away from a line / curtain, somebody had left the window open / blanket, somebody had hung it in the wind
  / sail, the wind had carried it up from the dock / towel, somebody had hung it up to dry / coat, somebody
  had hung it on a nail
slot-: place = near the Old Mill / behind the Tin Theatre / in the yard of the school / beside the Duck Pond
  / at the edge of Owl Wood / behind the Town Hall
title: The White Ghost | {Tc} and the Ghost | A Ghost in Plumwick
* {When}, {a} and {o1} saw something white {place}. | {When}, something white flew up and down {place}. {A}
  saw it, and {o1} saw it too. | {A} and {o1} came home late. It was {day}. And there, {place}, was
  something white!
* "A ghost!" whispered {o}. | "It has no head!" whispered {h}. "It is a ghost!" | "It is waving at us," said
  {o}. "It must be a ghost."
+ It danced. It bowed. It made a noise like "Hooo!" | It lifted its long arms and let them fall again. |
  Their knees became as soft as butter.
+ "Let us run," said {o}. "Wait," said {h}. "Maybe it needs help." | {O} hid behind {h}, and {h} hid behind
  {o}.
~
* {H} took one step, then two. "Good evening, ghost," {he} said. | {H} was very much afraid, but {he} wanted
  to know it. {He} walked up to it. | "Whoever you are," called {h}, "we are not afraid of you!" That was
  not true.
* The ghost gave no answer, because it was only {a_thing}. | {H} took hold of it. It was {a_thing}! | Then
  the moon came out, and they saw it clearly: it was only {a_thing}.
+ It had come there because {why}. | And why was it there? Because {why}.
~
+ "What a brave ghost hunter you are," said {o}. They laughed so loudly that an owl flew up. | "And I was
  polite to {a_thing}," said {h}, and they laughed until they cried.
* They folded the {thing}, and the next day they gave it back. | They took the {thing} home and gave it back
  in the morning.
* "Good night, ghost," said {h}. And no ghost was ever so neatly folded. | And the two walked home hand in
  hand, just to be sure. | Since then they say "Good evening" to everything white.
sum: {H} and {o} thought that they saw a ghost, but it was only {a_thing}.
q: Who was with {h}? = {O} was with {h}.
q: What did they think it was? = They thought it was a ghost.
q: What was it really? = It was only {a_thing}.

# lost in the fog
hero: person
other: friend
uses: friend
mood: spooky-but-kind
when: fog
day: evening
words: fog
slot: sound, made = bell, rang a bell / drum, beat a drum / whistle, blew a whistle / trumpet, blew a
  trumpet / pan, beat a spoon against a pan / flute, played the flute / bucket, beat on a bucket / horn,
  blew a horn
slot-: place = on Kettle Hill / in Owl Wood / on the meadow beside the river / on the path to the Star House
title: Lost in the Fog | {Tc} in the Fog | The Sound in the Fog
* {When}, {a} was {place} when thick fog came up. | {When}, {a} walked home. {He} was {place}, and the fog
  became thicker and thicker. | It was {day}, and the fog was as thick as milk. {A} was {place}, all alone.
+ {He} could not see the path, and {he} could not see {his} own feet. | Soon {he} did not know where left
  and right was. | {He} walked and walked and came back to the same tree.
+ The trees looked like old men with long fingers. | Something grey stood in front of {him}. It was only a
  bush. | "Is anybody there?" {he} called. "There," said the hill, and nothing more.
+ {He} sat down on a stone and shook with cold. | {He} thought of the warm kitchen at home. | {He} wanted to
  be brave, but it was not easy.
~
* At home, {o1} looked at the clock. "{H} should be here," {ohe} said. | But {o1} waited for {h} in the town
  and began to worry. | In the town, {o1} saw the fog and thought of {h}.
* {Ohe} went to the edge of the town and {made}. | So {o} went out and {made}, again and again. | {O} could
  not see anything either. So {ohe} stood in the street and {made}.
~
* {H} heard the {sound} from far away. "That way!" {he} said. | Far away, {h} heard something. It was
  {a_sound}! | Then {h} heard the {sound}, and {he} knew where the town was.
* Step by step {he} walked towards the sound, and suddenly {he} stood in front of {o}. | {He} went where the
  sound was, and soon {he} saw a lantern. There stood {o}! | {He} followed it over stones and roots, until a
  hand took {his} hand. It was {o}.
+ "I was so afraid," said {h}. "Me too," said {o}. | "Why did you not stop?" asked {h}. "Because you were
  not here yet," said {o}. | They hugged, and then they laughed because they were both so wet.
* Then they drank something hot, and the fog could do what it wanted. | They went home arm in arm, and the
  fog was only fog again. | "Next time I will take the {sound} with me," said {h}.
sum: {H} was lost in the fog, but {o} {made} and {h} found the way home.
q: Where was {h}? = {H} was {place}.
q: What did {h} hear? = {H} heard {a_sound}.
q: Who helped {h}? = {O} helped {h}.

# the storm
hero: child
other: parent
mood: spooky-but-kind
when: rain
day: evening, night
words: storm thunder candle
slot: game = drum / train / lion / giant / cart / barrel / bear / horse / wagon / kettle
title: The Storm | {Tc} and the Thunder | The Big Drum in the Sky
* {When}, a storm came over Kettle Hill. | {When}, there was a big storm over Plumwick. | It was {day}, and
  a storm shook the windows.
* The thunder was so loud that {h} crept under the table. | At the first thunder, {h} hid in {his} bed. | At
  the second boom, {h} crept into the cupboard.
+ Then the lamp went out, and it was dark. | The rain beat on the roof, and the light went out. | A tree
  creaked, and somewhere a door banged.
* {O1} came with a candle. "Are you afraid?" {ohe} asked. {H} nodded. | {O1} lit a candle and sat down
  beside {him}. "That is a lot of noise," {ohe} said. | {O1} took a candle and put an arm around {h}. "I am
  here," {ohe} said.
~
* "Listen," said {o}. "What does it sound like?" | "What is the thunder like?" asked {o}. | "Let us play a
  game," said {o}. "What does the thunder sound like?"
* Boom! "Like {a_game}!" said {h}. | There was another boom. "It is {a_game} up there!" said {h}. | {H}
  listened. Boom! "Like {a_game} that falls down the stairs," {he} said.
+ "And that one?" "Like my stomach before lunch!" They both had to giggle. | And the rain? The rain was a
  thousand mice that danced on the roof. | The next thunder was a cow with a cold, they decided.
* Then they counted after every flash. The storm went farther and farther away. | With every boom they found
  something new, and {h} forgot to be afraid. | Soon {h} waited for the next thunder, but it was already far
  away.
~
* "What a pity," said {h}. "It is over." | In the end it was quiet, and {h} was asleep in {o}'s arms. | "The
  sky is tired now," said {o}. And {h} was tired too.
+ The candle burned a little longer, and the stars came out. | In the morning there were only puddles, and
  in each one was a piece of blue sky.
sum: {H} was afraid of the thunder, but {o} made a game of it.
q: What came over the town? = A storm came over the town.
q: What did {o} bring? = {O} brought a candle.
q: What did the thunder sound like? = It sounded like {a_game}.

# cannot sleep
hero: child
other: family
when: mild snow wind
day: night
words: sleep moon
slot: count = sheep / ducks / stars / boats / cakes / buttons / geese / apples / trains / clouds / bees /
  snails
slot-: thing = a glass of warm milk / a soft pillow / a cup of tea with honey / a dry piece of bread / a
  second blanket
title: {Tc} Cannot Sleep | Counting {t_count} | The Long Night
* {When}, {a} could not sleep. | It was {day}, and {a} lay in bed with open eyes. {He} could not sleep. |
  {When}, the moon looked in at {h}'s window. {H} could not sleep.
+ The bed was too hot, then too cold, then too small. | {He} lay on the left side, and on the right side,
  and on {his} back. | The clock went tick, tack, tick, tack.
* {H} went to {o1}. "I cannot sleep," {he} said. | "Why are you awake?" asked {o1}. "Sleep does not want to
  come," said {h}. | {O1} came in. "You are still awake?" {ohe} asked.
* {O} brought {him} {thing}. | {O} gave {him} {thing}. | First {o} tried {thing}.
+ But it did not help. | "Better?" asked {o}. "Not yet," said {h}.
~
* "Then we will count {count}," said {o}. "One, two, three." | "Close your eyes and count {count}," said
  {o}. | "I know something," said {o}. "When I was little, I counted {count}."
* {H} counted, and the {count} flew over the moon, one after the other. | {H} saw them clearly: {count} and
  more {count}, in the light of the moon. | "One, two," counted {h}. At seven one of the {count} flew around
  the moon, and {he} laughed.
~
* At twenty there was a loud noise. {O} was snoring! | At fifteen it was quiet. {H} looked up: {o} was
  asleep. | At thirty {h} heard something. It was {o}, fast asleep on the chair.
* {H} put the blanket over {ohim}, smiled and closed {his} eyes. | "Good night," whispered {h}, and then
  {he} slept too. | {H} crept close to {ohim}, and then {he} slept at last.
sum: {H} could not sleep, so {o} counted {count} with {him} and fell asleep first.
q: What was wrong with {h}? = {H} could not sleep.
q: What did they count? = They counted {count}.
q: Who fell asleep first? = {O} fell asleep first.

# a small dragon
hero: child
mood: spooky-but-kind
when: fog wind snow
day: evening
words: dragon fire cave
slot: help, how = onion, let it smell an onion / feather, tickled its nose with a feather / flower, held a
  flower under its nose / leaf, rubbed its nose with a leaf / straw, tickled it with a straw / brush,
  tickled its nose with a brush / scarf, tickled its nose with a scarf
title: The Dragon Who Lost Its Fire | {Tc} and the Dragon | A Sneeze of Fire
* {When}, {a} saw smoke on Kettle Hill and went to a dark cave. | {When}, {a} heard a deep voice. It came
  out of a cave on Kettle Hill. | {A} lost {his} way on Kettle Hill {weather_on} and came to a cave.
+ Something breathed in there. Something scratched. Something was very big. | Two yellow eyes shone in the
  dark. | "Who is there?" {he} called. "There, there," answered the cave.
* In the cave lay a dragon! But it was only as big as a dog, and it cried. | A dragon lay there, not bigger
  than a pony, and it looked very sad. | "Go away," said the voice, "I am a terrible dragon." But then it
  sobbed.
~
* "What is wrong?" asked {h}. "I have lost my fire," said the dragon, "and now I am so cold." | {H} was
  afraid, but {he} was sorry for it. "My fire went out," said the dragon. "A dragon without fire freezes." |
  "Why do you cry?" asked {h}. "Because my fire is gone," said the dragon, "and it is cold in here."
+ {H} put {his} coat around the dragon. It was much too small. | "That must be awful," said {h}. "I know a
  cure for cold feet, but not for that." | "Breathe hard," said {h}. The dragon breathed hard, but only a
  little smoke came out.
* Then {h} had an idea and {how}. | {H} looked into {his} pockets. Then {he} {how}. | "Let me try
  something," said {h}, and {he} {how}.
* The dragon had to sneeze. "Aaa-choo!" And there was fire! | First nothing happened. Then the dragon
  sneezed, and fire came out of its nose. | The dragon sneezed so hard that the cave shook. With the sneeze
  came fire!
~
* "You saved me!" said the dragon, and it carried {h} home through the night. | "Thank you," said the
  dragon. It lit the way home for {h} with its fire. | The dragon was so happy that it danced. Then it took
  {h} home on its back.
+ Nobody believed {him}. But since then smoke comes from the cave. | And when it is very cold, {h} visits
  the dragon and they bake apples over its fire. | At home {h} said, "I was with a friend." And that was
  true.
sum: {H} found a small dragon that had lost its fire and helped it with {a_help}.
q: Where did {h} find the dragon? = {H} found the dragon in a cave.
q: Why was the dragon sad? = The dragon was sad because it had lost its fire.
q: How did the fire come back? = The dragon had to sneeze.

# the big shadow
hero: rabbit mouse fox deer squirrel hedgehog badger hare frog lamb goat hen robin owl sparrow crow cow
  beaver bear
other: owl crow turtle robin
mood: spooky-but-kind
when: mild hot wind
day: night
words: shadow moon
slot: beast = snail / beetle / worm / caterpillar / moth / spider / ant / grasshopper / cricket
slot-: place = on a white rock / on the wall of the Old Mill / on the old stone wall / on the side of the
  barn
title: The Big Shadow | {Tc} and the Shadow | What Walks in the Night?
* {When}, {a} saw a black shadow {place}. It was as big as a house. | {When}, {a} was on the way home.
  Suddenly a giant black shadow moved {place}. | {A} came home late. It was {day}. There, {place}, was a
  terrible black shadow!
+ It had long horns, and it came nearer and nearer. | It lifted its head and looked around. | It moved
  slowly and did not make a sound.
* "A monster!" whispered {h}. {He} could not move {his} legs. | {H} shook with fear from head to foot. "It
  will eat me!" | {H} hid behind a stone and did not dare to breathe.
+ The wind sang in the trees, and a branch broke with a crack. | Somewhere a bell rang twelve times.
~
* {O1} sat nearby. "What are you afraid of?" asked {o}. | Then {h} heard a friendly voice. It was {o1}. "Why
  do you shake?" asked {o}. | "Good evening," said {o1}. "Are you playing hide and seek?"
+ "Of that!" said {h}. {O} looked at the shadow and smiled. | "Do you not see it?" whispered {h}. "I see
  it," said {o}, "but look down here too." | {H} could only point at it. "Oh, that," said {o}. "Come with
  me."
* And there, in the light of the moon, sat a very small {beast}. | In the grass, in the light of the moon,
  sat {a_beast}, no bigger than a nut. | They went closer. A little {beast} sat there, and the moon was
  behind it.
~
* The small {beast} had a big shadow, and that was all. | "A small thing in front of a light has a big
  shadow," said {o}. | "The moon made me big," said the {beast}. "Was I good?"
+ "I am so sorry," said the {beast}. "I was afraid of your shadow too." | {H} looked around, and {his} own
  shadow was as big as a tree.
* {H} laughed, and all three played with their shadows until the moon went to bed. | "Good night, monster,"
  said {h} to the {beast}. And {he} went home without fear. | Since that night, {h} always looks for the
  small thing behind a big shadow.
sum: {H} was afraid of a big shadow, but it was only the shadow of a small {beast}.
q: What did {h} see? = {H} saw a big black shadow.
q: Whose shadow was it? = It was the shadow of a small {beast}.
q: Who helped {h}? = {O} helped {h}.
"""
