"""Plots about friends, feasts and learning something new. The language is described in `plots.py`."""

TEXT = """
# the quarrel
hero: child
other: friend
mood: sad
uses: friend
when: any
slot: thing = ball / kite / drum / book / bicycle / puzzle / boat / paintbrush / hammer / scooter / puppet /
  trumpet
title: The Quarrel | {Tc} and the {t_thing} | Friends Again
* {When}, {a} and {o1} both wanted to have the {thing}. | {When}, {a} met {o1}, and they played with
  {a_thing}. But both wanted it first. | {A} and {o1} had only one {thing}. It was {day}.
+ "Me first!" shouted {h}. "No, me!" shouted {o}, and they both pulled. | "It is mine!" said {h}. "No, it is
  my turn!" said {o}. | "You always get it!" cried {o}. "That is not true!" cried {h}.
+ They pulled so hard that they fell down on both sides. | They said ugly words, and each word hurt a little
  more. | The {thing} fell on the ground between them.
* Then each went home alone, and both were angry. | {H} became angry, ran home and shut the door with a
  bang. | "You are not my friend any more," said {o} and walked away.
~
+ But the afternoon was long, and it is no fun to play alone. | But at home it was very quiet, and nobody
  laughed. | At supper, {h} did not eat. "What is wrong?" they asked at home, but {he} only shook {his}
  head.
* "I miss {o}," thought {h}, and {he} began to cry. | {H} sat at the window and was sad. "It was only
  {a_thing}," {he} thought. | Soon {h} was not angry any more. {He} was only sad.
* So {h} took the {thing}, went to {o}'s house and said, "I am sorry." | So {he} went out to say sorry. {O}
  was already on the way to {him}. "I am sorry!" they both said at the same time. | In the end {he} ran to
  {o}. "I was wrong," {he} said. "You can have it first."
~
* {O} smiled. "Me too," {ohe} said, and they shook hands. | {O} took {his} hand. "Let us never fight about a
  thing again," said {o}. | "I was wrong too," said {o}, and they hugged each other.
+ Then they took turns, and it was twice as much fun. | After that they used the {thing} together, ten
  minutes each. | They played until the stars came out, and nobody counted the turns.
- After that, they took turns. | Then they played together again.
sum: {H} and {o} had a quarrel about {a_thing}, but they said sorry and were friends again.
q: What did they both want? = They both wanted the {thing}.
q: Who was the friend of {h}? = {O} was the friend of {h}.
q: How did the story end? = They said sorry and were friends again.

# birthday cake
hero: child
other: parent
third: friend
when: any
uses: friend
words: cake salt sugar
slot: fruit = cherries / apples / nuts / plums / pears / blueberries / strawberries / raisins / candles /
  honey
title: Salt or Sugar | A Cake for {p} | The Salty Cake
* {When}, {a} wanted to bake a cake for {p1}. | {When}, {a} said, "I will bake a cake for {p}!" {P} was
  {his} best friend. | It was {day}. {A} wanted to give {p1} a cake.
+ {He} took flour, eggs, milk and butter. | "I can do it alone," {he} said, and {he} put on a big apron. |
  Soon there was flour on the table, on the floor and in {his} hair.
* But {he} took the salt and thought it was the sugar. | Then {he} put a whole cup of sugar in it. But it
  was salt! | The salt and the sugar stood side by side, and {he} took the wrong one.
+ The cake came out of the oven and looked wonderful. | It smelled good, and it was brown and round. | {H}
  put a little piece in {his} mouth.
* When {h} tasted it, {he} made a terrible face. "Ugh!" | {H} tasted it and ran for a glass of water. |
  "Help!" cried {h} after the first bite. "It tastes like the sea!"
~
* {O1} tasted it too and laughed. "Come," {ohe} said, "we will bake a new one." | "Do not cry," said {o1}.
  "There is time for a second cake." | Then {o1} came in. "I did that once too," {ohe} said. "Let us try
  again together."
* This time they tasted the sugar first, and they put {fruit} on top. | Now {h} read the words on the jar:
  sugar! And they put {fruit} on the cake. | They worked together, and at the end they put {fruit} on it.
~
* {P} ate three pieces. "It is the best cake of my life!" said {p}. | When {p} saw the cake, {phis} eyes
  shone, and soon there was nothing left of it. | "For me?" asked {p}, and {phe} was so happy that {phe}
  sang.
+ And the salty cake? {H} gave it to the goats, and they loved it. | And the salty cake? Nobody ate it, not
  even the pig. | Then {h} told {p} about the salt, and they laughed until they had hiccups.
sum: {H} baked a cake for {p} with salt in it, so {he} baked a second one with {o}.
q: For whom was the cake? = The cake was for {p}.
q: What was wrong with the first cake? = There was salt in it and no sugar.
q: Who helped {h}? = {O} helped {h}.

# stage fright
hero: child
other: friend
uses: friend
when: any
day: evening
slot: part = king / queen / bear / lion / clown / giant / wizard / ghost / moon / robot / dragon / frog /
  tree / cook
slot-: line, nonsense = Who is knocking at my door?, Who is knocking at my cheese? / Bring me my golden
  cup!, Bring me my golden cap! / I am not afraid of the night!, I am not afraid of the knife and fork! /
  Come in and sit by the fire!, Come in and sit on the fire! / Long live our little town!, Long live our
  little toe! / The storm is over!, The soup is over!
title: {Tc} on the Stage | The Forgotten Words | The {t_part} Who Forgot
* {When}, there was a play in the Tin Theatre, and {a} was {a_part}. | {When}, everybody sat in the Tin
  Theatre. {A} was going to play {a_part}. | {A} was {a_part} in the school play. It was {day}, and the Tin
  Theatre was full.
+ {He} had only one line: "{line}" | All week {he} had said {his} line to the wall: "{line}" | {He} had
  learned {his} line well: "{line}"
* But on the stage {h} saw all the faces, and {he} forgot {his} words. | But when the light fell on {h},
  {his} head was empty. {He} did not know one word. | Then {h} stood on the stage and opened {his} mouth.
  Nothing came out.
+ {His} knees shook. It was so quiet that you could hear a mouse. | {His} face became hot, and {he} looked
  at {his} shoes. | Somebody coughed. {H} wanted to be far away.
~
* Behind the curtain stood {o1} and whispered the line. | {O1} sat in the first row and whispered the words.
  | But {o1} saw it and whispered the first words from the side.
* {H} took a breath and shouted, "{nonsense}" | "{nonsense}" cried {h}. That was not quite right. | {H}
  heard it badly and called, "{nonsense}"
* First there was silence. Then the whole theatre laughed and clapped. | Everybody laughed, and then they
  clapped like thunder. | The people laughed so much that the roof shook.
~
+ {H} had to laugh too, and then all the fear was gone. | "They like me!" thought {h}, and {he} was not
  afraid any more.
* "You were the best {part} of all," said {o}. | {H} bowed three times. "Thank you for your help," {he} told
  {o}. | After the play {o} hugged {him}. "That was much better than the real line!"
sum: {H} forgot {his} words on the stage, but {o} helped {him} and everybody laughed and clapped.
q: Where was the play? = The play was in the Tin Theatre.
q: What was {h} in the play? = {H} was {a_part}.
q: Who whispered the words? = {O} whispered the words.

# learning something
hero: child
other: adult
when: mild
slot: thing, skill, fall = bicycle, ride the bicycle, fell into a bush / rope, walk on a rope, fell into the
  grass / stilts, walk on stilts, fell over like a tree / skates, stand on skates, sat on the ground with a
  bump / unicycle, ride the unicycle, fell into a hedge / scooter, ride the scooter, fell into a heap of
  leaves / barrel, walk on a barrel, fell off again and again
title: Again and Again | {Tc} Learns Something New | Down and Up Again
* {When}, {a} wanted to learn to {skill}. | {When}, {a} said, "Today I will learn to {skill}!" | {A} could
  not {skill}. So, {weather_on}, {he} tried to learn it.
* {He} tried it once and {fall}. | But {he} {fall}. | {He} tried it, and what happened? {He} {fall}.
+ {H} stood up and tried again, and it went wrong again. | Five times {he} tried it, and five times {he} sat
  on the ground. | "Ouch!" {he} said and rubbed {his} knee.
+ "I will never learn it," {he} said and wanted to go home. | "It is too hard for me," said {h}. |
  "Everybody can do it, only I cannot," {he} cried.
~
* {O1} came by and sat down beside {him}. "How often did you try?" "Six times." | {O1} saw it and asked,
  "How often did you fall?" "A hundred times," said {h}. | But {o1} stood there and had seen everything.
* "I fell for a whole week when I was small," said {o}. "Look far ahead, and not at your feet." | "Then you
  are nearly there," said {o}. "Do not look down. Look at me!" | "Try it once more," said {o}. "I will hold
  you, and you look at that tree."
+ So {h} took a deep breath and looked straight ahead. | {O} held {him} for the first steps, and then {ohe}
  let go. | {H} shook a little, but {he} did not look down.
~
* And this time it worked! "I can do it!" shouted {h}. | {H} did it, and {he} did not fall! | It went well
  for three steps, then for ten, and then {h} did not want to stop.
* "You see?" said {o}. "You only had to fall once more." | {O} clapped, and {h} was so proud that {he} sang
  all the way home. | From that day on, {h} never said "never" again.
sum: {H} learned to {skill} because {he} tried again and {o} helped {him}.
q: What did {h} want to learn? = {H} wanted to learn to {skill}.
q: Who helped {h}? = {O} helped {h}.
q: Did {h} learn it in the end? = Yes, {h} learned it in the end.

# the snowman
hero: child
other: hare squirrel deer mouse rabbit
when: snow
words: snow snowman carrot
slot: hat = pot / bucket / hat / basket / pan / cap
slot-: eyes = two black buttons / two nuts / two round stones / two pieces of coal
title: The Snowman's Nose | {Tc} and the Snowman | Who Took the Carrot?
* {When}, {a} built a snowman with a carrot for a nose. | {When}, there was deep snow, and {a} built a big
  snowman. {He} gave it a carrot for a nose. | It was {day}. {A} made a snowman, and a carrot was its nose.
+ It had {eyes} for eyes and {a_hat} on its head. | {Eyes} were its eyes, and {a_hat} sat on its head. | {H}
  gave it {eyes} for eyes and put {a_hat} on its head.
* But the next morning the carrot was gone! | In the night somebody took the carrot away. | The next day the
  snowman had no nose any more.
+ "Who did that?" cried {h}. {He} was angry. | {H} put a new carrot in its face. But that one was gone the
  next day too. | "A snowman cannot smell without a nose," said {h}.
~
* Then {he} saw small tracks in the snow and followed them. | There were tracks in the snow. {H} followed
  them through the garden. | But whoever walks in the snow leaves tracks. So {h} walked behind them.
* Under a bush sat {o1}, thin and cold, and ate the last bit of the carrot. | At the end of the tracks sat
  {o1}. It was thin, and it still had a bit of carrot in its mouth. | The tracks ended at a tree, and there
  sat {o1}. It was hungry and shook with cold.
~
* {H} was not angry any more. "You need it more than a snowman," {he} said. | "You poor thing," said {h}.
  "You were only hungry." | Then {h} was sorry. "In winter it is hard to find food," {he} thought.
* From then on, {he} put a carrot in the snow every day, and the snowman got a nose of wood. | So {h}
  brought {o} a carrot every evening. And the snowman? It got a nose of wood. | {He} ran home and brought
  more carrots. The snowman got a wooden nose, and everybody was happy.
+ And some people say that the snowman smiled. | And when spring came, {o} ran over the grass and was fat
  and merry.
sum: Somebody took the carrot from {h}'s snowman, and it was {o1} that was hungry.
q: What was the nose of the snowman? = The nose of the snowman was a carrot.
q: Who ate the carrot? = {O1} ate the carrot.
q: Why did it take the carrot? = It was hungry.

# new garden
hero: child
other: =Tina
when: spring
words: seed flower
slot: pot = pot / cup / bucket / boot / box / jar / bowl / teapot
slot-: flower = sunflower / red flower / blue flower / tulip / yellow flower / pink flower
title: The Slow Seed | {Tc} and the Seed | The Flower in the {t_pot}
* {When}, {o1} gave {a} a seed. "It will be a flower," said {o}. | {When}, {a} got a seed from {o1}. "There
  is a flower in it," {o} said. | {A} found a seed in the Glass Garden {weather_on}. "You can have it," said
  {o1}. "It wants to be a flower."
* {H} put it in {a_pot} with earth and gave it water. | So {h} took {a_pot}, filled it with earth and put
  the seed in it. | At home, {h} planted it in {a_pot} and put the {pot} in the sun.
+ "Grow!" {he} said. But the seed did not grow. | {He} sat in front of it for an hour and waited. Nothing
  happened. | {He} sang to it, and {he} read it a story.
* The next day there was nothing, and after a week there was still nothing. | A week went by, and nothing
  came out. | Every morning {he} looked, but there was only brown earth.
+ "Maybe it is asleep," said {h}. {He} wanted to dig it up. | "It is a bad seed," said {h}. "I will throw it
  away."
~
* {H} ran to {o}. "It does not work!" "Wait," said {o}. "First it grows down, then it grows up." | "It is
  broken," {h} told {o}. "No," said {o}, "it is busy. It is making roots in the dark." | {O} laughed. "The
  best things are slow. Give it water, and give it time."
+ So {h} waited, and {he} gave it water every day. | {H} went home and waited. It was the hardest thing {he}
  had ever done.
~
* And one morning there was a little green tip! | Then, one fine day, something green came out of the earth.
  | And then it came: first a green tip, then two leaves.
* In summer it was {a_flower}, as tall as {h}'s nose. | It grew and grew, and in June it was {a_flower}. |
  In the end it was {a_flower}, and all the bees of the street came to visit.
+ "I knew it all the time," said {h}. {O} only smiled. | {H} gave the first seed of it to a friend. "You
  must wait," {he} said, "it is busy." | "Thank you for your patience," the flower seemed to say.
sum: {H} planted a seed and had to wait, but in the end it became {a_flower}.
q: What did {h} plant? = {H} planted a seed.
q: Who gave {h} the seed? = {O} gave {h} the seed.
q: What came out of the earth in the end? = It was {a_flower}.

# alone on the bench
hero: child
other: child
mood: sad
when: mild grey
slot: game = ball / rope / top / drum / kite / hoop / puzzle / balloon / book / camera / puppet
slot-: bench = on a bench / on the steps / under a tree / on the wall / beside the gate
title: All Alone | Two Is Better | {Tc} Is Not Alone
* {When}, {a} sat alone {bench}, and nobody played with {him}. | {When}, all the children played. Only {a}
  sat alone {bench}. | {A} sat {bench} and was sad. It was {day}, and the others had run away without {him}.
+ {He} looked at {his} shoes and drew a line in the sand. | "They do not need me," {he} thought. | {He}
  counted the clouds, but that is no fun without a friend.
+ A sparrow hopped past, looked at {him} and flew away too. | {He} heard the others laugh, and that made it
  worse.
* A tear fell on {his} hand. | {His} throat hurt, because {he} did not want to cry. | Then {he} began to
  cry, very quietly.
~
* {O1} saw it and came back. "Why are you sad?" {ohe} asked. | But {o1} turned around and saw {him}. "What
  is wrong?" asked {o}. | Somebody sat down beside {him}. It was {o1}. "Are you all right?" {ohe} asked.
* "Nobody wants to play with me," said {h}. "I do," said {o}. | "I thought that you did not want me," said
  {h}. "We only did not see you," said {o}. | "I am always the last," said {h}. "Then come, and be the first
  with me," said {o}.
* {O} had {a_game}, and they shared it. | Then {o} showed {h} {ohis} {game}, and they sat close together. |
  "Look, I have {a_game}," said {o}. "But I need somebody for it."
~
+ First {h} smiled a little, then {he} laughed. | Soon {h} forgot that {he} had been sad. | They had so many
  good ideas that the others came to look.
* When evening came, {h} was not sad any more. | On the way home, {h} and {o} walked arm in arm. | "See you
  tomorrow?" asked {h}. "See you tomorrow," said {o}, and {h} ran home and was happy.
+ And since then {h} looks around, so that nobody has to sit alone. | And the next time somebody sat there
  alone, {h} was the first who came.
sum: {H} was sad and alone until {o} came and shared {a_game} with {him}.
q: Why was {h} sad? = {H} was sad because nobody played with {him}.
q: Who came to {h}? = {O} came to {h}.
q: What did they share? = They shared {a_game}.

# hiccups
hero: person
other: friend
mood: funny
uses: friend
when: any
words: hiccups water
slot: fun = duck / goose / cow / hen / goat / donkey / crow / frog / owl / pig
slot-: meal = soup / pancakes / noodles / bread / stew / cake
title: The Hiccups | Hic! | {Tc} Has the Hiccups
* {When}, {a} ate {his} {meal} too fast and got the hiccups. Hic! | {When}, {a} had the hiccups. "Hic!" It
  came from eating {meal} too fast. | {A} ate {meal} much too fast {weather_on}. So {he} got the hiccups.
* {He} drank a glass of water. "Hic!" It did not help. | "Drink some water," somebody said. {He} drank ten
  glasses of water. "Hic!" | First {he} tried cold water, then warm water. "Hic!" said {h}.
+ "Stand on your head," said a neighbour. {H} did so. Now it was an upside-down hic. | {He} counted to forty
  without breathing. "Thirty-nine, hic!" | {He} jumped on one leg around the house. Hic, hop, hic, hop.
+ The hiccups were so loud that the ducks on the pond answered. | Every hic made {his} hat jump. | A dog
  began to bark, because it thought that somebody knocked.
~
* Then {o1} had an idea and hid behind the door. | "Leave it to me," said {o1}, and {ohe} hid behind a tree.
  | {O1} thought about it and went out very quietly.
* Suddenly {ohe} jumped out and shouted like {a_fun}. | "Boo!" shouted {o} and jumped out and made a noise
  like {a_fun}. | All at once there was a terrible noise: {o} shouted like {a_fun}!
* {H} was so surprised that {he} fell on {his} bottom. And the hiccups were gone! | {H} jumped into the air.
  And then it was quiet. No more hiccups! | "Help!" cried {h}. Then {he} waited. No hic came. It was over!
~
+ "Thank you," said {h}. "You are the best {fun} in town." | "How did you know that?" asked {h}. "I did
  not," said {o}. "I just wanted to do it."
* {O} wanted to say something. But {ohe} opened {ohis} mouth and said, "Hic!" | They laughed and laughed.
  And then {o} got the hiccups. | "You are welcome," said {o}. "Hic!"
sum: {H} had the hiccups until {o} made {him} jump.
q: What did {h} have? = {H} had the hiccups.
q: Did the water help? = No, the water did not help.
q: Who got the hiccups at the end? = {O} got the hiccups at the end.

# nobody remembered
hero: person
other: friend
third: family
mood: sad
uses: friend birthday
need: birthday
when: any
slot: lights = candles / lanterns / balloons / flowers / flags / ribbons
slot-: cake = a big cake / a plum cake / an apple pie / a nut cake / a cake with nuts / a honey cake
title: Did Everybody Forget? | {Tc} Is Sad | The Quiet Birthday
* It was a day in {month}, and it was the birthday of {a}. But nobody said a word. | In {month}, {a} had a
  birthday. But this time nobody seemed to know it. | "Today is my birthday," thought {h} on a day in
  {month}. But nobody came to the door.
+ {H} looked into the letter box. It was empty. | "Good morning," said the neighbours, and no more. | {H}
  even hummed a birthday song in the street, but people only smiled and went on.
* Even {o1} had no time. "I am busy," said {o} and ran away. | {He} met {o1}. But {o} said, "I have to go!"
  and was gone. | {H} went to see {o1}. But {o} did not open the door.
+ And {p1} was not at home at all. | Even {p1} said nothing about it.
* "They have all forgotten me," thought {h}, and {he} cried a little. | {H} went for a walk alone, and {his}
  heart was heavy. | So {h} sat by the river and was sad. A tear fell into the water.
~
* When {he} came home in the evening, the house was dark. | In the evening {he} opened the door. Everything
  was dark and still. | At last {he} went home. No lamp was on.
* Suddenly there were {lights} everywhere. "Happy birthday!" they all shouted. | Then somebody called,
  "Happy birthday!" And the room was full of people and {lights}. | "Happy birthday!" cried a hundred
  voices, and the room was full of {lights}.
+ There was {cake}, and {p} had made it. | On the table stood {cake}. "{P} made it," said {o}.
* "I could not talk to you," said {o}. "I cannot keep a secret with my mouth open." | "Did you think that we
  forgot you?" asked {o} and hugged {him}. | {O} laughed. "I was busy all day. I was busy with you!"
* {H} cried again, but this time for joy. | {H} laughed and cried at the same time. | And {h} was not sad
  any more. {He} danced until midnight.
sum: {H} thought that nobody remembered the birthday, but {o} and the others had planned a surprise.
q: When was {h}'s birthday? = {H}'s birthday was in {month}.
q: Why was {h} sad? = {H} was sad because {he} thought that everybody had forgotten the birthday.
q: What did they all shout? = They all shouted, "Happy birthday!"

# a friend is away
hero: person
other: friend
third: family
mood: sad
uses: friend
when: mild hot grey
words: sea train
slot: gift = shell / stone / bottle / hat / postcard / boat / feather / lantern / bell / book
slot-: days = seven days / two weeks / ten days / eight days
title: {o} Is Away | {Tc} Waits | The {t_gift} from the Sea
* {When}, {o1} took the train to Saltby by the sea, and {h} stayed behind. | {When}, {a} stood at the Little
  Station and waved. {O1} was on the train to the sea. | {A} was sad, because {o1} was going to the sea, and
  the train left {weather_on}.
+ "I will be back in {days}," {o} called. "Do not forget me!" | "It is only {days}," said {o}. But that can
  be very long.
* {H} walked home alone, and everything was grey and empty. | At home {h} sat down and cried. "It is so
  quiet without {o}," {he} said. | {H} had nobody to talk to, and tears ran down {his} nose.
+ The soup had no taste, and the sun had no light. | {He} counted the days on {his} fingers. There were
  still too many. | {He} went to {o}'s house and looked at the closed door.
~
* {P1} sat down beside {him}. "You miss {o}," said {p}. {H} nodded. | Then {p1} took {his} hand. "Are you
  thinking of {o}?" {phe} asked. | {P1} saw it. "I know that feeling," {phe} said.
* "When you miss somebody, you have a good friend," said {p}. "That is a nice thing, too." | "Tell me what
  you two did," said {p}. So {h} told everything, and soon {he} had to laugh. | "Write down everything that
  you want to tell," said {p}. And {h} wrote, page after page.
+ The next day {p} took {him} along to the river, and the time passed faster. | So one day went by, and then
  the next, and the next.
~
* And then the train came back! {O} jumped out and ran to {h}. | At last the train came in, and there was
  {o}! | One fine day, somebody knocked. It was {o}!
* "This is for you," said {o}. It was {a_gift} from the sea. | {O} gave {h} {a_gift} from the sea. "I missed
  you every day," said {o}.
* And {h} was so happy that {he} could not say a word. | They hugged for a long time, and then both talked
  at once. | {H} laughed and cried, and then {he} told {o} all that had happened.
sum: {H} was sad because {o} was away, but {p} comforted {him} and {o} came back.
q: Where did {o} go? = {O} went to the sea.
q: Who comforted {h}? = {P} comforted {h}.
q: What did {o} bring? = {O} brought {a_gift} from the sea.
"""
